package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"licensegraph/internal/identity"
	"licensegraph/internal/limits"
)

// ErrHelp is returned after the help was printed.
var ErrHelp = errors.New("help requested")

// SetupError is a problem that the operator can correct: a setting, a file, or an address that is in use.
type SetupError struct{ Err error }

func (e *SetupError) Error() string { return e.Err.Error() }

// Unwrap returns the problem.
func (e *SetupError) Unwrap() error { return e.Err }

// envName returns the environment variable of a flag. kong.DefaultEnvars uses the same names, but reads the variables
// of the process itself and accepts empty ones; here an empty variable is not set.
func envName(flag string) string {
	return "LICENSEGRAPH_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Load loads the configuration of the gateway: defaults, variables from getenv, and flags, in increasing precedence. It
// prints help to stdout and then returns [ErrHelp]. Any other error is a [SetupError] that joins all problems, one per
// line, without secrets.
func Load(args []string, getenv func(string) string, stdout io.Writer) (*Config, error) {
	cfg, err := load(args, getenv, stdout)
	return cfg, setupError(err)
}

// setupError wraps an error in a [SetupError], except nil and [ErrHelp].
func setupError(err error) error {
	if err == nil || errors.Is(err, ErrHelp) {
		return err
	}
	return &SetupError{err}
}

func load(args []string, getenv func(string) string, stdout io.Writer) (*Config, error) {
	cfg, problems, err := parse(args, getenv, stdout)
	if err == nil && len(problems) == 0 {
		return cfg, nil
	}
	if rest, unknown := withoutUnknownFlag(args, err); unknown { // kong stops at the first
		_, further := load(rest, getenv, stdout)
		return nil, errors.Join(err, further)
	}
	return nil, errors.Join(append(problems, err)...)
}

// withoutUnknownFlag removes the unknown flag that caused a parse error; false for other errors.
func withoutUnknownFlag(args []string, err error) ([]string, bool) {
	if err == nil {
		return nil, false
	}
	text, unknown := strings.CutPrefix(err.Error(), "unknown flag ")
	flag, _, _ := strings.Cut(text, ",")
	i := slices.IndexFunc(args, func(arg string) bool { return arg == flag || strings.HasPrefix(arg, flag+"=") })
	if !unknown || i < 0 {
		return nil, false
	}
	return slices.Delete(slices.Clone(args), i, i+1), true
}

// parse parses the configuration. It returns problems with values, and an error if parsing cannot continue.
func parse(args []string, getenv func(string) string, stdout io.Writer) (*Config, []error, error) {
	cfg := &Config{}
	problems, err := parseInto(cfg, args, getenv, stdout, "licensegraph", envName,
		"A GraphQL gateway for the licensing data of Microsoft Graph. Without a tenant it serves an embedded one. "+
			"As \"licensegraph embedded\" it serves only the embedded tenant, for clients of Microsoft Graph; see licensegraph embedded -h. \"licensegraph healthcheck [URL]\" asks a running gateway, and \"licensegraph --version\" prints the version.")
	if err != nil {
		return nil, problems, err
	}
	problems = append(problems, cfg.readSecrets(getenv)...)
	if err := cfg.validate(); err != nil {
		problems = append(problems, err)
	}
	return cfg, problems, nil
}

// parseInto parses a command's settings into cfg, a pointer to a struct. env returns the environment variable of a
// flag.
func parseInto(cfg any, args []string, getenv func(string) string, stdout io.Writer, name string, env func(flag string) string, description string) ([]error, error) {
	values := &valueReader{}
	helped := false
	d := limits.Default()
	parser, err := kong.New(cfg,
		kong.Name(name),
		kong.Description(description),
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { helped = true }),
		kong.Vars{
			"listen": DefaultListen,
			"query":  strconv.Itoa(d.QueryBytes), "tokens": strconv.Itoa(d.Tokens), "depth": strconv.Itoa(d.Depth),
			"width": strconv.Itoa(d.Width), "rootFields": strconv.Itoa(d.RootFields), "fields": strconv.Itoa(d.Fields),
			"aliases": strconv.Itoa(d.Aliases), "directives": strconv.Itoa(d.Directives),
			"fragments": strconv.Itoa(d.Fragments), "cost": strconv.Itoa(d.Cost), "ids": strconv.Itoa(d.IDs), "upstreamRequests": strconv.Itoa(d.UpstreamRequests),
			"representations": strconv.Itoa(d.Representations),
		},
		kong.ValueFormatter(func(value *kong.Value) string {
			if value.Name == "help" {
				return value.Help
			}
			return value.Help + " ($" + env(value.Name) + ")"
		}),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if value := getenv(env(flag.Name)); value != "" && !flag.Hidden && flag.Name != "help" {
				return value, nil
			}
			return nil, nil
		})),
		kong.KindMapper(reflect.Int, values),
		kong.KindMapper(reflect.Int64, values),
		kong.KindMapper(reflect.Uint64, values),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), values),
		kong.TypeMapper(reflect.TypeFor[refused](), values),
		kong.KindMapper(reflect.Bool, boolReader{values}),
	)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(args)
	if helped {
		return nil, ErrHelp
	}
	return values.problems, err
}

// refused is a setting that is not accepted on the command line.
type refused struct{}

// valueReader parses flag values for kong. It records invalid values and continues, so that all are reported.
type valueReader struct{ problems []error }

// Decode parses a value.
func (r *valueReader) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		return err
	}
	name := ctx.Value.Name
	var err error
	switch {
	case target.Type() == reflect.TypeFor[refused]():
		r.note("--%s: secrets are not accepted on the command line, where other processes can read them: use --%[1]s-file or set %[2]s", name, envName(name))
	case target.Type() == reflect.TypeFor[time.Duration]():
		var d time.Duration
		if d, err = time.ParseDuration(text); err != nil {
			r.note("--%s: invalid duration %q: want a value such as 30s or 2m", name, text)
		}
		target.SetInt(int64(d))
	case target.CanInt():
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			r.note("--%s: invalid value %q: want an integer", name, text)
		}
		target.SetInt(n)
	default:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			r.note("--%s: invalid value %q: want a non-negative integer", name, text)
		}
		target.SetUint(n)
	}
	if err != nil { // report each value once
		target.Set(defaultOf(ctx.Value, target))
	}
	return nil
}

// defaultOf returns the default of a number or duration.
func defaultOf(value *kong.Value, target reflect.Value) reflect.Value {
	result := reflect.New(target.Type()).Elem()
	if d, err := time.ParseDuration(value.Default); err == nil && result.Type() == reflect.TypeFor[time.Duration]() {
		result.SetInt(int64(d))
	} else if n, err := strconv.ParseInt(value.Default, 10, 64); err == nil {
		if result.CanInt() {
			result.SetInt(n)
		} else {
			result.SetUint(uint64(n))
		}
	}
	return result
}

func (r *valueReader) note(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

// boolReader parses boolean flags, whose value is optional.
type boolReader struct{ *valueReader }

// IsBool reports to kong that the value is optional.
func (boolReader) IsBool() bool { return true }

// Decode parses a boolean value.
func (r boolReader) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	target.SetBool(true)
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	switch value := ctx.Scan.Pop().Value.(type) {
	case bool:
		target.SetBool(value)
	case string:
		b, err := strconv.ParseBool(value)
		if err != nil {
			r.note("--%s: invalid value %q: want true or false", ctx.Value.Name, value)
			return nil
		}
		target.SetBool(b)
	}
	return nil
}

// readSecrets reads secrets from files and environment variables.
func (c *Config) readSecrets(getenv func(string) string) []error {
	var errs []error
	c.secret = identity.Secret(getenv(envName("client-secret")))
	errs = append(errs, c.readCredential()...)
	if err := c.readProxy(getenv); err != nil {
		errs = append(errs, err)
	}
	keys, err := readSecret("cursor-key", c.CursorKeyFile, getenv)
	if err == nil && keys != "" {
		c.CursorKeys, err = decodeCursorKeys(keys)
	}
	if err != nil {
		errs = append(errs, err)
	}
	return errs
}

// ReadCursorKeys reads the cursor key file again. It returns an error for an empty or invalid file.
func (c *Config) ReadCursorKeys() ([][]byte, error) {
	text, err := readSecret("cursor-key", c.CursorKeyFile, func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	keys, err := decodeCursorKeys(text)
	if err != nil {
		return nil, fmt.Errorf("--cursor-key-file: %s: %w", c.CursorKeyFile, err)
	}
	return keys, nil
}

// decodeCursorKeys decodes one key per line.
func decodeCursorKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for line := range strings.FieldsSeq(text) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != CursorKeyBytes || len(keys) == maxCursorKeys {
			return nil, fmt.Errorf("invalid cursor key: want %d bytes in base64 (openssl rand -base64 %[1]d) per line, at most %d lines", CursorKeyBytes, maxCursorKeys)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// maxCursorKeys is the maximum number of cursor keys.
const maxCursorKeys = 4

// CursorKeyBytes is the size of a cursor key, in bytes.
const CursorKeyBytes = 32

// readSecret reads a secret from its file or environment variable. Its errors do not include the secret.
func readSecret(name, file string, getenv func(string) string) (string, error) {
	value := getenv(envName(name))
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("--%s-file and %s are both set: keep one", name, envName(name))
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--%s-file: %w", name, err)
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", fmt.Errorf("--%s-file: %s: empty file", name, file)
	}
	return secret, nil
}
