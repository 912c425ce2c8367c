// Package config reads what the operator has set: defaults, then environment, then flags, then the files that these name.
// It reports all problems at once, and writes no secret. It opens no address and asks nobody.
package config

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/limits"
	"licensegraph/internal/quota"
)

// Config is everything that can be set. Each setting is a flag and an
// environment variable; the secrets are files or environment variables.
type Config struct {
	Listen       string   `name:"listen" group:"Addresses" default:"127.0.0.1:8080" help:"Address to listen on. Over a real tenant it has to be a loopback address, unless callers are authenticated (--inbound)."`
	AllowedHosts []string `name:"allowed-host" group:"Addresses" placeholder:"HOST" help:"Host names under which the gateway may be called on a loopback address, besides that address and localhost: those of a proxy in front. Others are refused, so that no web page can reach it by a name of its own."`
	CORSHeaders  []string `name:"cors-header" group:"Addresses" placeholder:"NAME" help:"Request headers that those pages may send, besides those that clients of GraphQL and tracing in browsers are known to send."`
	CORSOrigins  []string `name:"cors-origin" group:"Addresses" placeholder:"ORIGIN" help:"Origins whose pages may call the gateway from a browser, such as https://portal.example.com. None by default."`
	GraphiQL     bool     `name:"graphiql" group:"Addresses" default:"true" negatable:"" help:"Serve GraphiQL at /; on by default."`

	Embedded Embedded `embed:"" prefix:"embedded-" group:"Embedded tenant"`

	TenantIDs []string `name:"tenant-id" group:"Microsoft Graph" placeholder:"ID" help:"Tenant to read: its id or a domain of it. Can be given more than once, by ids, where the gateway knows its callers: each then reads the caller's own tenant."`
	ClientID  string   `name:"client-id" group:"Microsoft Graph" placeholder:"ID" help:"ID of the application that the gateway signs in as."`

	ClientSecretFile      string `name:"client-secret-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the application's secret. The variable LICENSEGRAPH_CLIENT_SECRET can hold the secret itself; a flag cannot, because other processes could read it."`
	ClientCertificateFile string `name:"client-certificate-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with a certificate of the application (PEM), in place of a secret. It can hold the key as well."`
	ClientKeyFile         string `name:"client-key-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the key of the certificate (PEM, RSA, not encrypted), if it is not beside the certificate."`
	FederatedTokenFile    string `name:"federated-token-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with a token of an issuer that the application trusts, in place of a secret. All these files are read again for each new token, so that they can be replaced at any time."`

	Outbound  string `name:"outbound" group:"Microsoft Graph" default:"app" help:"Identity used for Microsoft Graph: app (the gateway's application) or on-behalf-of (the signed-in user)."`
	Cloud     string `name:"cloud" group:"Microsoft Graph" default:"worldwide" help:"Cloud of the tenant: worldwide, us-gov-l4, us-gov-l5 or china."`
	GraphURL  string `name:"graph-url" group:"Microsoft Graph" placeholder:"URL" help:"Address of Microsoft Graph without a version, in place of the cloud's."`
	Authority string `name:"authority" group:"Microsoft Graph" placeholder:"URL" help:"Address of the sign-in service, in place of the cloud's."`

	CAFile               string `name:"ca-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with certificates (PEM) of authorities that are trusted besides those of the system, such as that of a proxy which looks inside."`
	Proxy                string `name:"proxy" group:"Microsoft Graph" placeholder:"URL" help:"Proxy on the way to Microsoft Graph and its sign-in: http, https or socks5, with a port and without credentials. None by default: the variables HTTP_PROXY and HTTPS_PROXY do not count."`
	ProxyCredentialsFile string `name:"proxy-credentials-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the proxy's user and password, a colon between, or set LICENSEGRAPH_PROXY_CREDENTIALS to them."`

	AllowWrites bool `name:"allow-writes" group:"Microsoft Graph" negatable:"" help:"Allow mutations, for callers with the permission (--inbound). Off by default; always on with the embedded tenant."`

	Inbound          string   `name:"inbound" group:"Callers" default:"none" help:"Authentication of callers: none (over a real tenant only on a loopback address) or entra (each caller sends an access token of Entra ID for this gateway, which its scopes and app roles authorize)."`
	Audiences        []string `name:"audience" group:"Callers" placeholder:"ID" help:"Names of this gateway in access tokens: the client id of its registration and its application ID URI. By default --client-id and api:// with it."`
	ScopesAlone      bool     `name:"scopes-alone" group:"Callers" negatable:"" help:"Authorize users by the scopes of their tokens alone, without app roles of the same names. Everybody who can sign in may then do what the portal may."`
	GraphiQLClientID string   `name:"graphiql-client-id" group:"Callers" placeholder:"ID" help:"Client ID of the registration that GraphiQL signs people in with: a single-page application whose redirect URI is GraphiQL's address, with this gateway's scopes among its permissions. With the embedded tenant it has one."`
	AuditRequired    string   `name:"audit-required" group:"Callers" default:"auto" help:"When mutations are refused because the audit log cannot be written: always, never, or auto (where callers are known). A record is then written before each change, too."`
	AuditLog         string   `name:"audit-log" group:"Callers" default:"stdout" placeholder:"FILE" help:"Where the audit log goes, a line of JSON for each mutation field (two where it is required: before the change and after it) and each denied access: stdout, stderr, or a file that is appended to."`

	Introspection      bool   `name:"introspection" group:"Answers" default:"true" negatable:"" help:"Answer introspection queries; on by default. Without it, GraphiQL shows no schema and routers cannot fetch it."`
	ProductNames       string `name:"product-names" group:"Answers" placeholder:"FILE" help:"CSV file with names of products and service plans, in the form in which Microsoft publishes its list of product names and service plan identifiers for licensing. They are used besides those built in, and win over them."`
	SecurityDirectives bool   `name:"security-directives" group:"Answers" default:"true" negatable:"" help:"Have @authenticated and @requiresScopes in the SDL for federation routers; on by default. Some routers refuse them (docs/federation.md). The gateway enforces them all the same."`
	UpstreamReport     string `name:"upstream-report" group:"Answers" default:"auto" help:"When an answer carries extensions.upstream, what it cost at Microsoft Graph: always, never, header (when the request has the header Upstream-Report: true), or auto (always with the embedded tenant, else never)."`
	CursorKeyFile      string `name:"cursor-key-file" group:"Answers" placeholder:"FILE" help:"File with the key that seals cursors, 32 bytes in base64, or set LICENSEGRAPH_CURSOR_KEY to the key. Replicas need the same key. Further lines are keys that still open cursors; to replace a key, add the new one below, then put it first, then drop the old one. The file is read again when it changes. Without one, each process makes its own: cursors end with it, and no other replica takes them."`

	TrustedDocuments       string `name:"trusted-documents" group:"Documents" placeholder:"FILE" help:"JSON file with the documents that may run: Apollo's persisted query manifest, or an object with the documents by their ids. Clients can name one by documentId or its SHA-256 hash. It is read again when it changes."`
	TrustedDocumentsMode   string `name:"trusted-documents-mode" group:"Documents" default:"off" help:"Treatment of documents that are not in that file: off (they run), log (they run, and are logged with hash, operation name and caller), or enforce (they are refused, introspection and GraphiQL's queries among them)."`
	TrustedDocumentsStrict bool   `name:"trusted-documents-strict" group:"Documents" negatable:"" help:"Take no trusted documents at all when one of them does not run against the schema; at start, nothing is served then. Without it such a document is left out, and the log says so."`
	AutomaticDocuments     bool   `name:"apq" group:"Documents" default:"true" negatable:"" help:"Take automatic persisted queries (APQ): a client sends a query once and its hash from then on; on by default. Not with --trusted-documents-mode=enforce."`

	RequestTimeout    time.Duration `name:"request-timeout" group:"Time" default:"30s" help:"Time limit of a request."`
	ReadHeaderTimeout time.Duration `name:"read-header-timeout" group:"Time" default:"5s" help:"How long a client may take to send the headers of a request, or connection_init over a WebSocket."`
	DrainDelay        time.Duration `name:"drain-delay" group:"Time" default:"5s" help:"How long the gateway goes on taking requests after SIGTERM, while /readyz answers 503: load balancers need a while to see that. Ctrl-C does not wait."`
	ShutdownTimeout   time.Duration `name:"shutdown-timeout" group:"Time" default:"20s" help:"How long requests may go on after the first signal, and after --drain-delay. What is cut off has five seconds more to be answered. A second signal ends them at once."`

	MaxBodyBytes        int64 `name:"max-body-bytes" group:"Limits of a request" default:"1048576" help:"Length of a request's body."`
	MaxQueryBytes       int   `name:"max-query-bytes" group:"Limits of a request" default:"${query}" help:"Length of a query."`
	MaxTokens           int   `name:"max-tokens" group:"Limits of a request" default:"${tokens}" help:"Lexical tokens of a query."`
	MaxDepth            int   `name:"max-depth" group:"Limits of a request" default:"${depth}" help:"Fields on the longest way from the root to a leaf."`
	MaxWidth            int   `name:"max-width" group:"Limits of a request" default:"${width}" help:"Fields in one selection set, those of its fragments and of equal fields beside it included."`
	MaxRootFields       int   `name:"max-root-fields" group:"Limits of a request" default:"${rootFields}" help:"Root fields of an operation."`
	MaxFields           int   `name:"max-fields" group:"Limits of a request" default:"${fields}" help:"Fields and fragment spreads of all operations together, with their fragments written out."`
	MaxAliases          int   `name:"max-aliases" group:"Limits of a request" default:"${aliases}" help:"Aliased fields of an operation, counted alike."`
	MaxDirectives       int   `name:"max-directives" group:"Limits of a request" default:"${directives}" help:"Directives of an operation, counted alike."`
	MaxFragments        int   `name:"max-fragments" group:"Limits of a request" default:"${fragments}" help:"Fragments that a query defines."`
	MaxCost             int   `name:"max-cost" group:"Limits of a request" default:"${cost}" help:"Cost of an operation: each field counts, and each element of a list, as often as the lists around it are long. GraphiQL needs 43,000 to read the schema."`
	MaxUpstreamRequests int   `name:"max-upstream-requests" group:"Limits of a request" default:"${upstreamRequests}" help:"Requests that an operation may take at Microsoft Graph, each part of a batch for itself. What could take more by the schema's @upstream is refused before it begins; what takes more after all is not sent, and the fields that needed it are null with an error."`
	MaxIDs              int   `name:"max-ids" group:"Limits of a request" default:"${ids}" help:"Ids in one list argument."`
	MaxAnswerBytes      int64 `name:"max-answer-bytes" group:"Limits of a request" default:"67108864" help:"Bytes of an answer. One that gets longer is ended while it is produced."`
	MaxRepresentations  int   `name:"max-representations" group:"Limits of a request" default:"${representations}" help:"Entities that a federation router may ask for at once."`

	CallerRate         int           `name:"caller-rate" group:"Limits of callers" default:"1000" help:"Operations that one caller may begin in a second. More are answered with 429 and Retry-After. Where callers are not known, all of them are one; so are all clients of a federation router that asks with a token of its own."`
	CallerBurst        int           `name:"caller-burst" group:"Limits of callers" default:"2000" help:"Operations that a caller may begin at once after a pause."`
	CallerOperations   int           `name:"caller-operations" group:"Limits of callers" default:"200" help:"Operations that one caller may have under way."`
	CallerStreams      int           `name:"caller-streams" group:"Limits of callers" default:"20" help:"WebSockets and event streams that one caller may have open."`
	MaxStreams         int           `name:"max-streams" group:"Limits of callers" default:"1000" help:"WebSockets and event streams that all callers may have open."`
	MaxSchedulingDelay time.Duration `name:"max-scheduling-delay" group:"Limits of callers" default:"1s" help:"How long what is ready to run may wait for a CPU. While it waits longer, further operations are answered with 503 and Retry-After. More than 10s switches this off."`
	MaxOperations      int           `name:"max-operations" group:"Limits of callers" default:"512" help:"Operations that all callers may have under way. More are answered with 503 and Retry-After."`
	MaxAnswersBytes    int64         `name:"max-answers-bytes" group:"Limits of callers" default:"268435456" help:"Bytes of memory for all answers that are under way. A quarter is kept for answers that take less than 4 MiB, so that long answers never keep out short ones. Garbage is collected before the gateway takes much more memory than this, unless GOMEMLIMIT says otherwise."`
	MaxConnections     int           `name:"max-connections" group:"Limits of callers" default:"2048" help:"Open connections; further ones wait."`

	LogLevel  string `name:"log-level" group:"Log" default:"info" help:"Lowest level that is logged: debug, info, warn or error."`
	LogFormat string `name:"log-format" group:"Log" default:"text" help:"Format of the log on standard error: text or json."`

	// RefusedSecret and RefusedKey catch secrets on the command line.
	RefusedSecret refused `name:"client-secret" hidden:""`
	RefusedKey    refused `name:"cursor-key" hidden:""`
	RefusedProxy  refused `name:"proxy-credentials" hidden:""`

	// Credential is that of the application, from a file or a variable; nil with the embedded tenant.
	Credential entra.Credential `kong:"-"`
	// ProxyURL is the proxy with its credentials; nil for none.
	ProxyURL *url.URL `kong:"-"`
	// CursorKeys seal cursors, the first one, and open them; nil where the process makes its own.
	CursorKeys [][]byte `kong:"-"`

	secret identity.Secret // of the variable
}

// Embedded is what can be set of the embedded tenant, by flags of the gateway
// that begin with --embedded- and by those of the command embedded. Both read the
// variables that begin with LICENSEGRAPH_EMBEDDED_.
type Embedded struct {
	Listen string `name:"listen" default:"127.0.0.1:8081" help:"Where the embedded Microsoft Graph listens: a loopback address. With the gateway it runs when no real tenant is configured."`
	Users  int    `name:"users" default:"500" help:"People in the embedded tenant."`
	Seed   uint64 `name:"seed" default:"1" help:"Number from which the embedded tenant is made; the same number makes the same tenant."`

	State     string   `name:"state" placeholder:"FILE" help:"JSON file with a tenant to begin with: one that was saved, or one written by hand (docs/emulator.md)."`
	SaveState string   `name:"save-state" placeholder:"FILE" help:"Where to save the tenant at the end, for --state."`
	Variants  []string `name:"variant" sep:"none" placeholder:"NAME=VALUE" help:"A way in which the tenant differs, such as expandErrors=both, throttling=off or replicationLag=30s; docs/emulator.md lists them. Can be given more than once."`
	Faults    []string `name:"fault" sep:"none" placeholder:"FAULT" help:"A fault to inject, such as endpoint=GET /users,status=503,rate=0.1,times=-1; docs/emulator.md lists the kinds. Can be given more than once."`
	Control   string   `name:"control" default:"local" help:"Who may control the embedded tenant under /-/: local (programs on this machine), open (every program that reaches it) or off."`
}

// Services is where Microsoft Graph and its sign-in live. Tokens of one cloud are worth nothing in another
// (https://learn.microsoft.com/graph/deployments).
type Services struct {
	// GraphURL is the address of Microsoft Graph, without a version.
	GraphURL string
	// Authority is the address of the sign-in service.
	Authority string
	// IssuerV1 is the issuer of version 1.0 tokens, without the tenant.
	IssuerV1 string
	// IssuersV2 are the issuers of version 2.0 tokens, without the tenant; nil for the authority.
	IssuersV2 []string
}

var clouds = map[string]Services{
	"worldwide": {"https://graph.microsoft.com", "https://login.microsoftonline.com", "https://sts.windows.net", nil},
	"us-gov-l4": {"https://graph.microsoft.us", "https://login.microsoftonline.us", "https://sts.windows.net", nil},
	"us-gov-l5": {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us", "https://sts.windows.net", nil},
	// Entra ID in China has two names, and signs as the second whichever it was asked by.
	"china": {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://sts.chinacloudapi.cn",
		[]string{"https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"}},
}

// ServesEmbedded tells whether the embedded tenant is served: when nothing of a real one is configured.
func (c *Config) ServesEmbedded() bool {
	return len(c.TenantIDs) == 0 && c.ClientID == "" && len(c.credentials()) == 0
}

// Services returns those of the cloud, with the addresses that were set in place of its own.
func (c *Config) Services() Services {
	s := clouds[c.Cloud]
	if c.GraphURL != "" {
		s.GraphURL = sameForm(c.GraphURL)
	}
	if c.Authority != "" {
		s.Authority = sameForm(c.Authority)
	}
	return s
}

// sameForm is an address as it stands in tokens. It has scheme and host only, which was validated.
func sameForm(address string) string { return strings.ToLower(strings.TrimRight(address, "/")) }

// AudiencesOf returns the names in access tokens of the gateway whose own client id is given.
func (c *Config) AudiencesOf(clientID string) []string {
	if len(c.Audiences) > 0 {
		return c.Audiences
	}
	return []string{clientID, "api://" + clientID}
}

// Limits returns the limits of documents.
func (c *Config) Limits() limits.Limits {
	return limits.Limits{
		QueryBytes:       c.MaxQueryBytes,
		Tokens:           c.MaxTokens,
		Depth:            c.MaxDepth,
		Width:            c.MaxWidth,
		RootFields:       c.MaxRootFields,
		Fields:           c.MaxFields,
		Aliases:          c.MaxAliases,
		Directives:       c.MaxDirectives,
		Fragments:        c.MaxFragments,
		Cost:             c.MaxCost,
		UpstreamRequests: c.MaxUpstreamRequests,
		IDs:              c.MaxIDs,
		Representations:  c.MaxRepresentations,
	}
}

// Quota returns the limits of callers.
func (c *Config) Quota() quota.Limits {
	return quota.Limits{Rate: c.CallerRate, Burst: c.CallerBurst, PerCaller: c.CallerOperations, Total: c.MaxOperations}
}

// setting is one flag with its value.
type setting struct {
	flag, group, help string
	value             any
}

// settings lists what can be set, in the order of the fields.
func (c *Config) settings() []setting { return settingsOf(reflect.ValueOf(c).Elem(), "", "") }

func settingsOf(value reflect.Value, prefix, group string) []setting {
	var list []setting
	for i, field := range reflect.VisibleFields(value.Type()) {
		own := cmp.Or(field.Tag.Get("group"), group)
		if _, embedded := field.Tag.Lookup("embed"); embedded {
			list = append(list, settingsOf(value.Field(i), prefix+field.Tag.Get("prefix"), own)...)
		} else if name := field.Tag.Get("name"); name != "" && own != "" {
			list = append(list, setting{prefix + name, own, field.Tag.Get("help"), value.Field(i).Interface()})
		}
	}
	return list
}

// Log writes the effective configuration, a record for each group. Of secrets it says whether they are set.
func (c *Config) Log(ctx context.Context, logger *slog.Logger) {
	list := c.settings()
	for len(list) > 0 {
		group := list[0].group
		end := slices.IndexFunc(list, func(s setting) bool { return s.group != group })
		if end < 0 {
			end = len(list)
		}
		var attrs []any
		for _, s := range list[:end] {
			value := s.value
			if d, ok := value.(time.Duration); ok {
				value = d.String()
			}
			attrs = append(attrs, s.flag, value)
		}
		switch group {
		case "Microsoft Graph":
			attrs = append(attrs, "client-secret-set", c.secret != "" || c.ClientSecretFile != "", "proxy-credentials-set", c.ProxyURL != nil && c.ProxyURL.User != nil)
		case "Answers":
			attrs = append(attrs, "cursor-key-set", c.CursorKeys != nil)
		}
		logger.InfoContext(ctx, "configuration: "+strings.ToLower(group), attrs...)
		list = list[end:]
	}
}
