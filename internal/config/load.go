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

// ErrHelp says that help was asked for and written.
var ErrHelp = errors.New("help was asked for")

// SetupError is a problem that the operator solves: a setting, a file that it names, or an address that is taken.
type SetupError struct{ Err error }

func (e *SetupError) Error() string { return e.Err.Error() }

// Unwrap returns the problem itself.
func (e *SetupError) Unwrap() error { return e.Err }

// envName is the environment variable of a flag. (kong.DefaultEnvars names the variables alike, and then reads them from
// the process itself, empty ones too; here an empty variable is one that is not set.)
func envName(flag string) string {
	return "LICENSEGRAPH_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Load reads the configuration of the gateway: defaults, then the variables that getenv knows, then flags. Help that is
// asked for goes to stdout, and the error is [ErrHelp]. Any other error is a [SetupError] that joins all problems, a line
// each, and holds no secret.
func Load(args []string, getenv func(string) string, stdout io.Writer) (*Config, error) {
	cfg, err := load(args, getenv, stdout)
	return cfg, setupError(err)
}

// setupError is err for the operator, unless it is none or help.
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
	if rest, unknown := withoutUnknownFlag(args, err); unknown { // kong stops at it
		_, further := load(rest, getenv, stdout)
		return nil, errors.Join(err, further)
	}
	return nil, errors.Join(append(problems, err)...)
}

// withoutUnknownFlag returns the arguments without the flag that parsing
// stopped at, if that is why.
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

// parse reads the configuration. It notes problems of values, and fails where
// it cannot go on.
func parse(args []string, getenv func(string) string, stdout io.Writer) (*Config, []error, error) {
	cfg := &Config{}
	problems, err := parseInto(cfg, args, getenv, stdout, "licensegraph", envName,
		"A GraphQL gateway over the licensing data of Microsoft Graph. Without a tenant it serves an embedded one. "+
			"As \"licensegraph embedded\" it serves the embedded one alone, for clients of Microsoft Graph: see its own -h.")
	if err != nil {
		return nil, problems, err
	}
	problems = append(problems, cfg.readSecrets(getenv)...)
	if err := cfg.validate(); err != nil {
		problems = append(problems, err)
	}
	return cfg, problems, nil
}

// parseInto reads a command's settings into the struct that cfg points to, each
// from its flag or the variable that env names.
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
			"query": strconv.Itoa(d.QueryBytes), "tokens": strconv.Itoa(d.Tokens), "depth": strconv.Itoa(d.Depth),
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

// refused is a setting that the command line cannot take.
type refused struct{}

// valueReader reads the values of flags for kong. It notes what it cannot
// read and goes on, so that all such problems show at once.
type valueReader struct{ problems []error }

// Decode reads one value.
func (r *valueReader) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		return err
	}
	name := ctx.Value.Name
	var err error
	switch {
	case target.Type() == reflect.TypeFor[refused]():
		r.note("--%s: secrets are not taken from the command line, where other processes can read them: use --%[1]s-file or set %[2]s", name, envName(name))
	case target.Type() == reflect.TypeFor[time.Duration]():
		var d time.Duration
		if d, err = time.ParseDuration(text); err != nil {
			r.note("--%s: %q is not a duration such as 30s or 2m", name, text)
		}
		target.SetInt(int64(d))
	case target.CanInt():
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			r.note("--%s: %q is not a whole number", name, text)
		}
		target.SetInt(n)
	default:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			r.note("--%s: %q is not a whole number from 0", name, text)
		}
		target.SetUint(n)
	}
	if err != nil { // keep the check of the value itself quiet
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

// boolReader reads switches, which need no value.
type boolReader struct{ *valueReader }

// IsBool lets kong take the flag without a value.
func (boolReader) IsBool() bool { return true }

// Decode reads one switch.
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
			r.note("--%s: %q is neither true nor false", ctx.Value.Name, value)
			return nil
		}
		target.SetBool(b)
	}
	return nil
}

// readSecrets reads what is too secret for a flag.
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

// ReadCursorKeys reads the file of the cursor key again. Of a file that is empty or bad it returns what is wrong.
func (c *Config) ReadCursorKeys() ([][]byte, error) {
	text, err := readSecret("cursor-key", c.CursorKeyFile, func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	return decodeCursorKeys(text)
}

// decodeCursorKeys reads a key from each line.
func decodeCursorKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for line := range strings.FieldsSeq(text) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != CursorKeyBytes || len(keys) == maxCursorKeys {
			return nil, fmt.Errorf("a cursor key has to be %d bytes in base64, such as openssl rand -base64 %[1]d writes; there are %d at most, each on a line", CursorKeyBytes, maxCursorKeys)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// maxCursorKeys is one to seal, and others that still open.
const maxCursorKeys = 4

// CursorKeyBytes is the length of a cursor key.
const CursorKeyBytes = 32

// readSecret reads a secret from its file or its variable. An error never
// holds the secret.
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
		return "", fmt.Errorf("--%s-file: %s is empty", name, file)
	}
	return secret, nil
}
