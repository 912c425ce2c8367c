// Package config reads the configuration: defaults, environment variables and flags, in increasing precedence, and the
// files that they name. It reports all problems at once and never includes secrets in errors. It opens no network
// connections.
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

// Config is the gateway's configuration. Each setting is a flag and an environment variable; secrets are files or
// environment variables.
type Config struct {
	Listen       string   `name:"listen" group:"Addresses" default:"${listen}" help:"Address to listen on, as host:port. With a real tenant and without --inbound=entra it must be a loopback address."`
	TLSCertFile  string   `name:"tls-cert-file" group:"Addresses" placeholder:"FILE" help:"File with the certificate of the listener and its intermediate certificates (PEM), to serve HTTPS (TLS 1.2 or newer) with HTTP/1.1 and HTTP/2. It requires --tls-key-file. Both files are read again when they change. By default the listener has no TLS."`
	TLSKeyFile   string   `name:"tls-key-file" group:"Addresses" placeholder:"FILE" help:"File with the key of --tls-cert-file (PEM, not encrypted)."`
	H2C          bool     `name:"h2c" group:"Addresses" negatable:"" help:"Also serve HTTP/2 without TLS to clients that start with it (prior knowledge), such as the proxies of a service mesh. Off by default."`
	AdminListen  string   `name:"admin-listen" group:"Addresses" placeholder:"ADDRESS" help:"Address of the admin listener, as host:port, with /metrics, /healthz and /readyz. It has no authentication: only the platform should reach it. Without it there are no metrics."`
	Pprof        bool     `name:"pprof" group:"Addresses" negatable:"" help:"Serve profiles on the admin listener under /debug/pprof/. A profile includes no values, but taking one costs CPU."`
	AllowedHosts []string `name:"allowed-host" group:"Addresses" placeholder:"HOST" help:"Additional host names for requests on a loopback address, such as those of a reverse proxy. Requests with other host names are rejected, which prevents DNS rebinding."`
	CORSHeaders  []string `name:"cors-header" group:"Addresses" placeholder:"NAME" help:"Additional request headers that pages of the allowed origins may send."`
	CORSOrigins  []string `name:"cors-origin" group:"Addresses" placeholder:"ORIGIN" help:"Origins whose pages may call the gateway from a browser, such as https://portal.example.com. None by default."`
	GraphiQL     bool     `name:"graphiql" group:"Addresses" default:"true" negatable:"" help:"Serve GraphiQL at /; on by default."`

	Embedded Embedded `embed:"" prefix:"embedded-" group:"Embedded tenant"`

	TenantIDs []string `name:"tenant-id" group:"Microsoft Graph" placeholder:"ID" help:"Tenant to read: its ID or one of its domains. With --inbound=entra, the flag can be repeated, with IDs; each caller then reads the caller's own tenant."`
	ClientID  string   `name:"client-id" group:"Microsoft Graph" placeholder:"ID" help:"Application (client) ID of the gateway's app registration."`

	ClientSecretFile      string `name:"client-secret-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the client secret. As an alternative, the variable LICENSEGRAPH_CLIENT_SECRET contains the secret. There is no flag for it, because other processes can read flags."`
	ClientCertificateFile string `name:"client-certificate-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the application's certificate (PEM), instead of a client secret. It can include the key."`
	ClientKeyFile         string `name:"client-key-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the certificate's key (PEM, RSA, not encrypted), if --client-certificate-file does not include it."`
	FederatedTokenFile    string `name:"federated-token-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with a federated token (workload identity), instead of a client secret. All credential files are read again for each token request, so they can be replaced at any time."`

	Outbound  string `name:"outbound" group:"Microsoft Graph" default:"app" help:"Identity used for Microsoft Graph: app (the gateway's application) or on-behalf-of (the signed-in user)."`
	Cloud     string `name:"cloud" group:"Microsoft Graph" default:"worldwide" help:"Microsoft cloud of the tenant: worldwide, us-gov-l4, us-gov-l5 or china."`
	GraphURL  string `name:"graph-url" group:"Microsoft Graph" placeholder:"URL" help:"Base URL of Microsoft Graph without a version, instead of the cloud's."`
	Authority string `name:"authority" group:"Microsoft Graph" placeholder:"URL" help:"Base URL of Microsoft Entra ID, instead of the cloud's."`

	CAFile               string `name:"ca-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with additional trusted CA certificates (PEM), such as that of a TLS-inspecting proxy."`
	Proxy                string `name:"proxy" group:"Microsoft Graph" placeholder:"URL" help:"Proxy for requests to Microsoft Graph and Microsoft Entra ID: http, https or socks5, with a port and without credentials. None by default; the variables HTTP_PROXY and HTTPS_PROXY are ignored."`
	ProxyCredentialsFile string `name:"proxy-credentials-file" group:"Microsoft Graph" placeholder:"FILE" help:"File with the proxy's credentials as user:password. As an alternative, the variable LICENSEGRAPH_PROXY_CREDENTIALS contains them."`

	AllowWrites bool `name:"allow-writes" group:"Microsoft Graph" negatable:"" help:"Allow mutations for callers with the permission (--inbound). Off by default; always on with the embedded tenant."`

	ReferenceCacheLife time.Duration `name:"reference-cache-life" group:"Microsoft Graph" default:"0s" help:"Use products, purchases, allotments and group names again in later operations: the age from which they are read again, at most 1h; 0s disables this cache. Older values are used until twice that age, while they are read again in the background. Off by default, so that counters are current. A change by this process discards the cached values of its tenant. Not available with --outbound=on-behalf-of."`

	Inbound          string   `name:"inbound" group:"Callers" default:"none" help:"Authentication of callers: none (with a real tenant only on a loopback address) or entra (each request has an Entra ID access token for this gateway, whose scopes and app roles authorize it)."`
	Audiences        []string `name:"audience" group:"Callers" placeholder:"ID" help:"Accepted audiences of access tokens: the client ID of the gateway's app registration and its application ID URI. By default --client-id and api://<client ID>."`
	ScopesAlone      bool     `name:"scopes-alone" group:"Callers" negatable:"" help:"Authorize users by the scopes of their tokens alone, without app roles of the same names. Every user who can sign in then has the permissions of the client application."`
	GraphiQLClientID string   `name:"graphiql-client-id" group:"Callers" placeholder:"ID" help:"Client ID of the app registration for sign-in with GraphiQL: a single-page application whose redirect URI is GraphiQL's URL, with permissions for this gateway's scopes. The embedded tenant provides one."`
	AuditRequired    string   `name:"audit-required" group:"Callers" default:"auto" help:"When to reject mutations if the audit log cannot be written: always, never, or auto (with --inbound=entra). If required, a record is also written before each change."`
	AuditLog         string   `name:"audit-log" group:"Callers" default:"stdout" placeholder:"FILE" help:"Destination of the audit log: stdout, stderr, or a file to append to. The log has a line of JSON for each mutation field (two if --audit-required applies: before and after the change) and for each denied access."`

	Introspection      bool   `name:"introspection" group:"Answers" default:"true" negatable:"" help:"Answer introspection queries; on by default. Without them, GraphiQL shows no schema and federation routers cannot fetch it."`
	ProductNames       string `name:"product-names" group:"Answers" placeholder:"FILE" help:"CSV file with names of products and service plans, in the format of Microsoft's file of product names and service plan identifiers for licensing. They take precedence over the built-in names."`
	PriceFile          string `name:"price-file" group:"Answers" placeholder:"FILE" help:"CSV file with the monthly price of one unit of each product, for price and monthlyCost: the columns sku (ID or part number), monthlyPrice (such as 10.50) and currency (such as EUR). Without it the costs are null."`
	SecurityDirectives bool   `name:"security-directives" group:"Answers" default:"true" negatable:"" help:"Include @authenticated and @requiresScopes in the SDL for federation routers; on by default. Some routers reject them (docs/federation.md). The gateway enforces them in either case."`
	Columns            bool   `name:"columns" group:"Answers" default:"true" negatable:"" help:"Write the responses of queries by columns: each field is resolved once for all objects of a list, with less CPU and memory; on by default. Responses are the same without it."`
	UpstreamReport     string `name:"upstream-report" group:"Answers" default:"auto" help:"When to include extensions.upstream, the cost at Microsoft Graph, in a response: always, never, header (if the request has the header Upstream-Report: true), or auto (always with the embedded tenant, otherwise never)."`
	CursorKeyFile      string `name:"cursor-key-file" group:"Answers" placeholder:"FILE" help:"File with the key that encrypts cursors, 32 bytes in base64; as an alternative, the variable LICENSEGRAPH_CURSOR_KEY contains it. Replicas require the same key. Further lines are keys for decryption only. To rotate a key, add the new key as the last line, then move it to the first line, then remove the old key. The file is read again when it changes. Without a key, each process generates one: its cursors are invalid in other replicas and after a restart."`

	TrustedDocuments       string `name:"trusted-documents" group:"Documents" placeholder:"FILE" help:"JSON file with the trusted documents: Apollo's persisted query manifest, or an object that maps IDs to documents. Clients select a document by documentId or SHA-256 hash. The file is read again when it changes."`
	TrustedDocumentsMode   string `name:"trusted-documents-mode" group:"Documents" default:"off" help:"Treatment of other documents: off (execute), log (execute, and log hash, operation name and caller), or enforce (reject, including introspection and GraphiQL's queries)."`
	TrustedDocumentsStrict bool   `name:"trusted-documents-strict" group:"Documents" negatable:"" help:"Reject the whole file of trusted documents if one of them is invalid for the schema; at start, this is an error. By default such a document is logged and left out."`
	AutomaticDocuments     bool   `name:"apq" group:"Documents" default:"true" negatable:"" help:"Support automatic persisted queries (APQ): a client sends a query once, and then its hash; on by default. Not available with --trusted-documents-mode=enforce."`

	RequestTimeout    time.Duration `name:"request-timeout" group:"Time" default:"30s" help:"Timeout of a request."`
	ReadHeaderTimeout time.Duration `name:"read-header-timeout" group:"Time" default:"5s" help:"Timeout for the headers of a request, and for connection_init on a WebSocket."`
	ShutdownDelay     time.Duration `name:"shutdown-delay" group:"Time" default:"5s" help:"Time for which the gateway accepts requests after SIGTERM while /readyz responds with 503, so that load balancers can react. SIGINT (Ctrl-C) skips it."`
	ShutdownTimeout   time.Duration `name:"shutdown-timeout" group:"Time" default:"20s" help:"Time that requests have to complete after the first signal and --shutdown-delay. Canceled requests have five more seconds to respond. A second signal ends all requests at once."`

	MaxBodyBytes        int64 `name:"max-body-bytes" group:"Limits of a request" default:"1048576" help:"Size of a request body, in bytes."`
	MaxQueryBytes       int   `name:"max-query-bytes" group:"Limits of a request" default:"${query}" help:"Size of a query, in bytes."`
	MaxTokens           int   `name:"max-tokens" group:"Limits of a request" default:"${tokens}" help:"Lexical tokens of a query."`
	MaxDepth            int   `name:"max-depth" group:"Limits of a request" default:"${depth}" help:"Depth of a query: fields on the longest path from the root to a leaf."`
	MaxWidth            int   `name:"max-width" group:"Limits of a request" default:"${width}" help:"Fields in one selection set, including those of fragments and of fields that are merged."`
	MaxRootFields       int   `name:"max-root-fields" group:"Limits of a request" default:"${rootFields}" help:"Root fields of an operation."`
	MaxFields           int   `name:"max-fields" group:"Limits of a request" default:"${fields}" help:"Fields and fragment spreads of all operations in a document, with fragments expanded."`
	MaxAliases          int   `name:"max-aliases" group:"Limits of a request" default:"${aliases}" help:"Aliased fields of an operation, with fragments expanded."`
	MaxDirectives       int   `name:"max-directives" group:"Limits of a request" default:"${directives}" help:"Directives of an operation, with fragments expanded."`
	MaxFragments        int   `name:"max-fragments" group:"Limits of a request" default:"${fragments}" help:"Fragment definitions in a document."`
	MaxCost             int   `name:"max-cost" group:"Limits of a request" default:"${cost}" help:"Cost of an operation: the sum of its fields and list elements, multiplied by the sizes of the enclosing lists. GraphiQL's introspection query costs 43,000."`
	MaxUpstreamRequests int   `name:"max-upstream-requests" group:"Limits of a request" default:"${upstreamRequests}" help:"Requests of an operation to Microsoft Graph, counting each request of a batch. An operation that could require more, by the schema's @upstream, is rejected before execution. During execution, further requests are not sent, and the fields that require them are null with an error."`
	MaxIDs              int   `name:"max-ids" group:"Limits of a request" default:"${ids}" help:"IDs in one list argument."`
	MaxAnswerBytes      int64 `name:"max-answer-bytes" group:"Limits of a request" default:"67108864" help:"Size of a response, in bytes. Execution stops when it is exceeded."`
	MaxRepresentations  int   `name:"max-representations" group:"Limits of a request" default:"${representations}" help:"Entities in one request of a federation router."`

	CallerRate         int           `name:"caller-rate" group:"Limits of callers" default:"1000" help:"Operations per second and caller. Further operations get 429 and Retry-After. Without authentication, all clients are one caller; so are the clients of a federation router that uses its own token."`
	CallerBurst        int           `name:"caller-burst" group:"Limits of callers" default:"2000" help:"Operations that a caller can start at once after a pause."`
	CallerOperations   int           `name:"caller-operations" group:"Limits of callers" default:"200" help:"Concurrent operations per caller."`
	CallerStreams      int           `name:"caller-streams" group:"Limits of callers" default:"20" help:"Open WebSockets and event streams per caller."`
	MaxStreams         int           `name:"max-streams" group:"Limits of callers" default:"1000" help:"Open WebSockets and event streams in total."`
	MaxSchedulingDelay time.Duration `name:"max-scheduling-delay" group:"Limits of callers" default:"1s" help:"Scheduling delay (how long runnable work waits for a CPU) from which new operations get 503 and Retry-After. More than 10s disables the limit."`
	MaxOperations      int           `name:"max-operations" group:"Limits of callers" default:"512" help:"Concurrent operations in total. Further operations get 503 and Retry-After."`
	MaxAnswersBytes    int64         `name:"max-answers-bytes" group:"Limits of callers" default:"268435456" help:"Memory for all responses in progress, in bytes. A quarter is reserved for responses that require less than 4 MiB, so that large responses do not block small ones. The Go runtime's memory limit is derived from this value and is at most 90 % of the container's limit, unless GOMEMLIMIT is set."`
	MaxConnections     int           `name:"max-connections" group:"Limits of callers" default:"2048" help:"Open connections. Further connections wait."`

	LogLevel  string        `name:"log-level" group:"Log" default:"info" help:"Minimum level of log records: debug, info, warn or error."`
	SlowAfter time.Duration `name:"slow-operation" group:"Log" default:"10s" help:"Duration from which an operation is logged as slow, with its requests to Microsoft Graph."`
	LogFormat string        `name:"log-format" group:"Log" default:"text" help:"Format of the log on standard error: text or json."`

	// RefusedSecret, RefusedKey and RefusedProxy reject secrets on the command line.
	RefusedSecret refused `name:"client-secret" hidden:""`
	RefusedKey    refused `name:"cursor-key" hidden:""`
	RefusedProxy  refused `name:"proxy-credentials" hidden:""`

	// Credential is the application's credential; nil with the embedded tenant.
	Credential entra.Credential `kong:"-"`
	// ProxyURL is the proxy URL with its credentials; nil without a proxy.
	ProxyURL *url.URL `kong:"-"`
	// CursorKeys are the keys for cursors: the first encrypts and decrypts, the others decrypt. If it is nil, the
	// process generates a key.
	CursorKeys [][]byte `kong:"-"`

	secret identity.Secret // from the environment variable
}

// DefaultListen is the default of --listen.
const DefaultListen = "127.0.0.1:8080"

// Embedded is the configuration of the embedded tenant. The gateway's flags have the prefix --embedded-, those of the
// command embedded do not. Both read the variables with the prefix LICENSEGRAPH_EMBEDDED_.
type Embedded struct {
	Listen string `name:"listen" default:"127.0.0.1:8081" help:"Address of the embedded Microsoft Graph, as host:port, which must be a loopback address. The gateway serves it if no real tenant is configured."`
	Users  int    `name:"users" default:"500" help:"Number of users in the embedded tenant."`
	Seed   uint64 `name:"seed" default:"1" help:"Seed of the embedded tenant's data; the same seed gives the same data."`

	State     string   `name:"state" placeholder:"FILE" help:"JSON file with the initial state of the tenant: a saved state, or one written by hand (docs/emulator.md)."`
	SaveState string   `name:"save-state" placeholder:"FILE" help:"File to save the tenant's state to on exit, for --state."`
	Variants  []string `name:"variant" sep:"none" placeholder:"NAME=VALUE" help:"Variant of the tenant's behavior, such as expandErrors=both, throttling=off or replicationLag=30s; see docs/emulator.md. The flag can be repeated."`
	Faults    []string `name:"fault" sep:"none" placeholder:"FAULT" help:"Fault to inject, such as endpoint=GET /users,status=503,rate=0.1,times=-1; see docs/emulator.md. The flag can be repeated."`
	Control   string   `name:"control" default:"local" help:"Access to the control API of the embedded tenant under /-/: local (programs on this machine), open (all clients) or off."`
}

// Services are the endpoints of a Microsoft cloud (https://learn.microsoft.com/graph/deployments). A token of one cloud
// is not valid in another.
type Services struct {
	// GraphURL is the base URL of Microsoft Graph, without a version.
	GraphURL string
	// Authority is the base URL of Entra ID.
	Authority string
	// IssuerV1 is the issuer of version 1.0 tokens, without the tenant ID.
	IssuerV1 string
	// IssuersV2 are the issuers of version 2.0 tokens, without the tenant ID; nil means Authority.
	IssuersV2 []string
}

var clouds = map[string]Services{
	"worldwide": {"https://graph.microsoft.com", "https://login.microsoftonline.com", "https://sts.windows.net", nil},
	"us-gov-l4": {"https://graph.microsoft.us", "https://login.microsoftonline.us", "https://sts.windows.net", nil},
	"us-gov-l5": {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us", "https://sts.windows.net", nil},
	// Entra ID in China has two host names. Tokens always have the second as issuer.
	"china": {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://sts.chinacloudapi.cn",
		[]string{"https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"}},
}

// ServesEmbedded reports whether the gateway serves the embedded tenant: if no real tenant is configured.
func (c *Config) ServesEmbedded() bool {
	return len(c.TenantIDs) == 0 && c.ClientID == "" && len(c.credentials()) == 0
}

// Services returns the endpoints of the cloud, or those set in their place.
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

// sameForm normalizes a URL of only scheme and host to its form in tokens.
func sameForm(address string) string { return strings.ToLower(strings.TrimRight(address, "/")) }

// AudiencesOf returns the accepted audiences of access tokens for the client ID.
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

// setting is a flag with its value.
type setting struct {
	flag, group, help string
	value             any
}

// settings returns all settings, in the order of the fields.
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

// Log logs the effective configuration, one record per group. For secrets it logs whether they are set.
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
