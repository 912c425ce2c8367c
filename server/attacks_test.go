//go:build slow

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// memoryCap is the maximum resident memory of the program under attack, in KiB. The race detector multiplies it.
const memoryCap = 512 << 10

// answerTime is the maximum response time. It is long because other tests may use the CPUs.
func answerTime() time.Duration {
	if raced || os.Getenv("CI") != "" {
		return 30 * time.Second
	}
	return time.Second
}

// victim is the program under attack: with a tenant and authentication, in its own process.
type victim struct {
	*program
	tenant           *emulator.Server
	host             string
	healthy, hostile string // tokens
}

func launchVictim(t *testing.T, users int) *victim {
	t.Helper()
	tenant := emulatortest.Start(t, emulator.Options{Users: users, SignIn: emulator.SignIn{Scopes: scopes}, Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	assignRoles(tenant.Emulator)
	p := launch(t, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": tenant.ClientSecret()},
		"--tenant-id="+tenant.TenantID(), "--client-id="+tenant.ClientID(), "--graph-url="+tenant.URL, "--authority="+tenant.URL, "--inbound=entra",
		"--read-header-timeout=2s", "--request-timeout=3s", "--log-level=error", "--audit-log="+os.DevNull,
		"--caller-rate=100000", "--caller-burst=100000", "--caller-operations=200") // so that other limits are tested
	return &victim{p, tenant, strings.TrimPrefix(p.url, "http://"),
		tokenFor(t, tenant, nameOf(t, tenant, "Global Reader"), scopes...), tokenFor(t, tenant, nameOf(t, tenant, "License Administrator"), scopes...)}
}

// resident returns the maximum resident memory of the program so far, in KiB; 0 if unavailable.
func (v *victim) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.pid))
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// besideHealthy runs an attack while a regular client sends queries, all of which must succeed.
func (v *victim) besideHealthy(t *testing.T, attack func()) {
	t.Helper()
	done := make(chan struct{})
	var latencies []time.Duration
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			start := time.Now()
			r := v.as(t, "{assignmentErrors(first:5){nodes{code assignedTo{displayName}}}}", bearing(v.healthy))
			latencies = append(latencies, time.Since(start))
			if r.status != 200 || !strings.Contains(r.body, `"code":"`) || strings.Contains(r.body, `"errors"`) {
				t.Errorf("regular caller: %d %.300s", r.status, r.body)
				return
			}
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	})
	attack()
	close(done)
	group.Wait()
	slices.Sort(latencies)
	n := len(latencies)
	t.Logf("regular caller: %d responses, median %v, 99 of 100 within %v, slowest %v; memory at most %d MiB", n,
		latencies[n/2].Round(time.Microsecond), latencies[n*99/100].Round(time.Microsecond), latencies[n-1].Round(time.Microsecond), v.resident(t)>>10)
	if late := latencies[n*99/100]; late > answerTime() {
		t.Errorf("regular caller: 99th percentile %v", late)
	}
	if most := memoryCap * map[bool]int{false: 1, true: 4}[raced]; v.resident(t) > most {
		t.Errorf("the program takes %d KiB, more than %d", v.resident(t), most)
	}
}

// raw sends bytes and returns the response until it has all parts, or the connection closes, which is "hung up".
func (v *victim) raw(bound time.Duration, sent string, parts ...string) (string, error) {
	conn, err := net.Dial("tcp", v.host)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(bound)); err != nil {
		return "", err
	}
	var writing sync.WaitGroup
	defer writing.Wait()
	defer conn.Close()
	writing.Go(func() { _, _ = io.WriteString(conn, sent) }) // it may be rejected early
	var got strings.Builder
	buffer := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buffer)
		got.Write(buffer[:n])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			got.WriteString("hung up")
		}
		if hasAll(got.String(), parts) {
			return got.String(), nil
		}
		if err != nil {
			return got.String(), err
		}
	}
}

func hasAll(text string, parts []string) bool {
	return len(parts) > 0 && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

// request returns an HTTP request with Connection: close.
func (v *victim) request(line, body string, headers ...string) string {
	text := line + " HTTP/1.1\r\nHost: " + v.host + "\r\nConnection: close\r\nAccept: application/graphql-response+json\r\nAuthorization: Bearer " + v.hostile + "\r\n"
	for _, header := range headers {
		text += header + "\r\n"
	}
	if body != "" {
		text += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return text + "\r\n" + body
}

func (v *victim) posted(body string, headers ...string) string {
	return v.request("POST /graphql", body, headers...)
}

// frame returns a masked WebSocket frame (RFC 6455, section 5.2).
func frame(first byte, length uint64, payload string) string {
	b := []byte{first, 0x80 | 127}
	b = binary.BigEndian.AppendUint64(b, length)
	b = append(b, 0, 0, 0, 0)
	return string(b) + payload
}

func text(payload string) string { return frame(0x81, uint64(len(payload)), payload) }

// socket returns a handshake and the following bytes.
func (v *victim) socket(frames ...string) string {
	return "GET /graphql HTTP/1.1\r\nHost: " + v.host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n" + strings.Join(frames, "")
}

func closedWith(code uint16) string { return string(binary.BigEndian.AppendUint16(nil, code)) }

// bomb returns some kilobytes that decompress to megabytes.
func bomb() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(bytes.Repeat([]byte("{"), 50<<20)) // a buffer returns no error
	_ = w.Close()
	return b.String()
}

func segment(value any) string { return base64.RawURLEncoding.EncodeToString(mustMarshal(value)) }

// TestAttacks sends malformed and hostile requests, each on its own connection. The gateway rejects them or closes the
// connection.
func TestAttacks(t *testing.T) { // not parallel: it measures
	v := launchVictim(t, 60)
	query := `{"query":"{__typename}"}`
	claims := map[string]any{"tid": v.tenant.TenantID(), "aud": v.tenant.ClientID(), "ver": "2.0"}
	token := func(header map[string]any, signature string) string {
		return segment(header) + "." + segment(claims) + "." + signature
	}
	bearingOnly := func(token string) string {
		return "POST /graphql HTTP/1.1\r\nHost: " + v.host + "\r\nConnection: close\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(query)) + "\r\n\r\n" + query
	}
	start := "POST /graphql HTTP/1.1\r\nHost: " + v.host + "\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer " + v.hostile + "\r\n"
	initialised := text(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + v.hostile + `"}}`)

	attacks := []struct {
		name, sent string
		want       string // parts of the answer, with | between; "" = hung up on
	}{
		// Malformed HTTP.
		{"HTTP/0.9", "GET /graphql\r\n\r\n", " 400 "},
		{"HTTP/9.9", "GET /graphql HTTP/9.9\r\nHost: " + v.host + "\r\n\r\n", " 505 "},
		{"HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " 421 "},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 512) + "\r\n\r\n", " 400 "},
		{"zeros", strings.Repeat("\x00", 100_000), " 431 | "},
		{"no line ends", strings.Repeat("x", 200_000), " 431 |"},
		{"a header that never ends", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 200_000), " 431 |"},
		{"many headers", "GET / HTTP/1.1\r\nHost: " + v.host + "\r\n" + repeated(20_000, "X-%d: x\r\n") + "\r\n", " 431 |"},
		{"a cookie bomb", v.request("GET /graphql?query={__typename}", "", "Cookie: "+strings.Repeat("a=b; ", 20_000)), " 431 |"},
		{"many cookies", v.request("GET /graphql?query={__typename}", "", "Cookie: "+strings.Repeat("a=b; ", 8_000)), " 200 |\"data\""},
		{"a folded header", "GET /healthz HTTP/1.1\r\nHost: " + v.host + "\r\nX: a\r\n b\r\nConnection: close\r\n\r\n", "HTTP/1.1 "},
		{"a header with NUL", "GET /healthz HTTP/1.1\r\nHost: " + v.host + "\r\nX: \x00\r\n\r\n", " 400 "},
		{"a blank before the colon", "GET /healthz HTTP/1.1\r\nHost: " + v.host + "\r\nX : y\r\n\r\n", " 400 "},
		{"a long GET", v.request("GET /graphql?query="+strings.Repeat("a", 60_000), ""), `"limit":"names"`},
		{"a longer GET", v.request("GET /graphql?query="+strings.Repeat("a", 200_000), ""), " 431 |"},
		{"many parameters", v.request("GET /graphql?"+strings.Repeat("a=b&", 14_000)+"query={__typename}", ""), "HTTP/1.1 "},
		{"a bad escape", v.request("GET /graphql?query=%zz", ""), " 400 |malformed"},
		{"a semicolon", v.request("GET /graphql?query={__typename};x", ""), " 400 |malformed"},

		// Request smuggling.
		{"two lengths", start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + query, " 400 "},
		{"a list of lengths", start + "Content-Length: 5, 6\r\n\r\n" + query, " 400 "},
		{"a length with a sign", start + "Content-Length: +5\r\n\r\n" + query, " 400 "},
		{"a negative length", start + "Content-Length: -1\r\n\r\n" + query, " 400 "},
		{"a hexadecimal length", start + "Content-Length: 0x5\r\n\r\n" + query, " 400 "},
		{"a length beyond all", start + "Content-Length: 99999999999999999999\r\n\r\n" + query, " 400 "},
		{"a length that is too much", start + "Content-Length: 999999999\r\n\r\n", " 413 |larger than"},
		{"another coding", start + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", " 501 "},
		{"two codings", start + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", " 501 "},
		{"chunked twice", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", " 501 | "},
		{"a tab in the coding", start + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 "},
		{"a chunk of no size", start + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", " 400 "},
		{"a chunk of any size", start + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + strings.Repeat("x", 2<<20), " 413 "},
		{"chunks beyond the limit", start + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 32), " 413 "},
		{"chunks with long extensions", start + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 3_000)+"\r\n{\r\n", 500), " 400 "},
		{"a chunk extension without end", start + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 500_000), " 400 "},
		{"endless trailers", start + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(query), query) + repeated(20_000, "X-%d: x\r\n"), "HTTP/1.1 "},

		// Routing.
		{"absolute form", v.request("GET http://evil.example/graphql?query={__typename}", ""), " 421 "},
		{"CONNECT", v.request("CONNECT evil.example:443", ""), " 4"},
		{"CONNECT to itself", v.request("CONNECT "+v.host, ""), " 4"},
		{"no host", "GET /graphql?query={__typename} HTTP/1.1\r\n\r\n", " 400 "},
		{"two hosts", "GET /graphql HTTP/1.1\r\nHost: " + v.host + "\r\nHost: evil.example\r\n\r\n", " 400 "},
		{"another host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", " 421 "},
		{"a host with a user", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\nConnection: close\r\n\r\n", " 4"},
		{"a host below", "GET /healthz HTTP/1.1\r\nHost: localhost.evil.example\r\nConnection: close\r\n\r\n", " 421 "},
		{"a host with a path", "GET /healthz HTTP/1.1\r\nHost: evil.example/127.0.0.1\r\nConnection: close\r\n\r\n", " 4"},
		{"a number for a host", "GET /healthz HTTP/1.1\r\nHost: 2130706433\r\nConnection: close\r\n\r\n", " 421 "},
		{"two slashes", v.request("GET //graphql?query={__typename}", ""), " 307 | /graphql?"},
		{"up and down", v.request("GET /graphql/../graphql?query={__typename}", ""), " 307 | /graphql?"},
		{"up, escaped", v.request("GET /%2e%2e/%2e%2e/etc/passwd", ""), " 4"},
		{"up, in a file", v.request("GET /assets/..%2f..%2findex.html", ""), " 4"},
		{"NUL in the path", v.request("GET /graphql%00", ""), " 404 "},
		{"a backslash", v.request("GET /..\\..\\graphql", ""), " 4"},
		{"a redirect elsewhere", v.request("GET //evil.example/..", ""), "HTTP/1.1 "},
		{"a method of its own", v.request("PURGE /graphql", ""), " 405 "},
		{"TRACE", v.request("TRACE /graphql", ""), " 405 "},
		{"method override", v.request("GET /graphql?query=mutation{deleteAssignment(input:{id:%22x%22}){outcome}}", "", "X-HTTP-Method-Override: POST"), " 405 "},

		// Bodies.
		{"a gzip bomb", v.posted(bomb(), "Content-Encoding: gzip"), " 415 "},
		{"another content type", v.request("POST /graphql", "", "Content-Type: text/plain", "Content-Length: 0"), " 415 "},
		{"a form", v.request("POST /graphql", "", "Content-Type: multipart/form-data; boundary=x", "Content-Length: 0"), " 415 "},
		{"10 MB of a name", v.posted(`{"query":"{__typename}","operationName":"` + strings.Repeat("x", 10<<20) + `"}`), " 413 "},
		{"1 MB of a name", v.posted(`{"query":"{__typename}","operationName":"` + strings.Repeat("x", 1_000_000) + `"}`), "HTTP/1.1 400"},
		{"a million braces", v.posted(`{"query":"` + strings.Repeat("{", 1_000_000) + `"}`), " 400 |\"limit\":"},
		{"a ring of a thousand fragments", v.posted(`{"query":"{users{nodes{...f0}}}` + repeated(999, " fragment f%[1]d on User{...f1%[1]d}") + `"}`), " 400 |\"limit\":"},
		{"a real ring", v.posted(`{"query":"{users{nodes{...f0}}}` + repeatedNext(1_000, " fragment f%d on User{...f%d}") + `"}`), " 400 |\"limit\":"},
		{"tokens", v.posted(`{"query":"{` + strings.Repeat("a ", 30_000) + `}"}`), " 400 |\"limit\":\"tokens\""},
		{"100,000 ids", v.posted(`{"query":"query($i:[ID!]!){nodes(ids:$i){id}}","variables":{"i":[` + strings.Repeat(`"1",`, 99_999) + `"1"]}}`), " 400 |\"limit\":"},
		{"100,000 representations", v.posted(`{"query":"query($r:[_Any!]!){_entities(representations:$r){__typename}}","variables":{"r":[` + strings.Repeat(`{},`, 99_999) + `{}]}}`), " 400 |\"limit\":"},
		{"a number beyond all", v.posted(`{"query":"query($f:Int){users(first:$f){nodes{id}}}","variables":{"f":-1e400}}`), " 400 |\"limit\":"},
		{"a million digits", v.posted(`{"query":"query($f:Int){users(first:$f){nodes{id}}}","variables":{"f":` + strings.Repeat("9", 900_000) + `}}`), " 400 "},
		{"a number below all", v.posted(`{"query":"{users(first:-2147483649){nodes{id}}}"}`), "\"code\":\"BAD_USER_INPUT\""},
		{"a number of 64 bits", v.posted(`{"query":"{users(first:9223372036854775807){nodes{id}}}"}`), "\"code\":\"BAD_USER_INPUT\""},
		{"a number of more", v.posted(`{"query":"{users(first:99999999999999999999){nodes{id}}}"}`), "\"code\":\"BAD_USER_INPUT\""},
		{"a number of more, inside", v.posted(`{"query":"{_entities(representations:[{__typename:\"User\",id:99999999999999999999}]){__typename}}"}`), "\"code\":\"BAD_USER_INPUT\""},
		{"deep JSON", v.posted(`{"query":"{__typename}","variables":` + strings.Repeat(`{"a":`, 150_000)), " 400 |\"limit\":\"nesting\""},
		{"names twice", v.posted(`{"query":"{__typename}","variables":{"a":1,"a":2},"variables":{}}`), " 400 |\"limit\":\"members\""},
		{"invalid UTF-8", v.posted("{\"query\":\"{\xff\xfe}\"}"), " 400 "},
		{"NUL", v.posted("{\"query\":\"{\x00}\"}"), " 400 "},
		{"NUL, escaped", v.posted(`{"query":"{\u0000}"}`), " 400 "},
		{"half a surrogate", v.posted(`{"query":"{user(id:\"\ud800\"){id}}"}`), "HTTP/1.1 "},
		{"a byte order mark", v.posted("\xef\xbb\xbf" + query), "HTTP/1.1 "},
		{"a batch", v.posted("[" + strings.Repeat(query+",", 30_000) + query + "]"), " 400 |Batches"},
		{"an APQ that is another's", v.posted(`{"query":"{__typename}","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}}`), " 400 |sha does not match"},
		{"an invalid cursor", v.posted(`{"query":"{users(after:\"` + strings.Repeat("A", 8_000) + `\"){nodes{id}}}"}`), "does not belong to this list"},

		// Tokens.
		{"alg none", bearingOnly(token(map[string]any{"alg": "none"}, "")), " 401 "},
		{"alg HS256", bearingOnly(token(map[string]any{"alg": "HS256", "kid": "k"}, "AAAA")), " 401 "},
		{"alg nOnE", bearingOnly(token(map[string]any{"alg": "nOnE"}, "AAAA")), " 401 "},
		{"a kid that is a path", bearingOnly(token(map[string]any{"alg": "RS256", "kid": "../../../../etc/passwd"}, "AAAA")), " 401 "},
		{"a kid that is SQL", bearingOnly(token(map[string]any{"alg": "RS256", "kid": "' or 1=1 --"}, "AAAA")), " 401 "},
		{"a jku", bearingOnly(token(map[string]any{"alg": "RS256", "kid": "k", "jku": v.tenant.URL + "/keys-of-mine"}, "AAAA")), " 401 "},
		{"an x5u", bearingOnly(token(map[string]any{"alg": "RS256", "kid": "k", "x5u": v.tenant.URL + "/keys-of-mine"}, "AAAA")), " 401 "},
		{"a crit", bearingOnly(token(map[string]any{"alg": "RS256", "kid": "k", "crit": []string{"b64"}, "b64": false}, "AAAA")), " 401 "},
		{"encrypted and packed", bearingOnly(segment(map[string]any{"alg": "dir", "enc": "A256GCM", "zip": "DEF"}) + "..AAAA." + strings.Repeat("A", 10_000) + ".AAAA"), " 401 "},
		{"many iterations", bearingOnly(segment(map[string]any{"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2_147_483_647, "p2s": "AAAA"}) + ".AAAA.AAAA.AAAA.AAAA"), " 401 "},
		{"a deep header", bearingOnly(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","x":`+strings.Repeat("[", 9_000))) + ".e30.AAAA"), " 401 "},
		{"deep claims", bearingOnly(segment(map[string]any{"alg": "RS256"}) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"tid":`+strings.Repeat("[", 9_000))) + ".AAAA"), " 401 "},
		{"16 KiB of it", bearingOnly(strings.Repeat("A", 16<<10) + ".A.A"), " 401 "},
		{"dots", bearingOnly(strings.Repeat(".", 16<<10)), " 401 "},
		{"JSON", bearingOnly(`{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}`), " 401 "},

		// WebSockets.
		{"an unauthenticated operation", v.socket(text(`{"type":"subscribe","id":"1","payload":{"query":"{__typename}"}}`)), " 101 |" + closedWith(4401)},
		{"a bad token", v.socket(text(`{"type":"connection_init","payload":{"Authorization":"Bearer x.y.z"}}`)), " 101 |" + closedWith(4401)},
		{"no JSON", v.socket(text(`}`)), " 101 |" + closedWith(4400)},
		{"no text", v.socket(frame(0x82, 3, "abc")), " 101 |" + closedWith(4400)},
		{"deep JSON in a message", v.socket(text(`{"type":"connection_init","payload":` + strings.Repeat("[", 500_000) + `}`)), " 101 |" + closedWith(4400)},
		{"a message of any size", v.socket(initialised, frame(0x81, 1<<62, strings.Repeat("x", 2<<20))), " 101 |" + closedWith(1009)},
		{"a message in pieces without end", v.socket(initialised, frame(0x01, 1<<16, strings.Repeat("x", 1<<16)), strings.Repeat(frame(0x00, 1<<16, strings.Repeat("x", 1<<16)), 30)), " 101 |" + closedWith(1009)},
		{"reserved bits", v.socket(frame(0xf1, 1, "x")), " 101 |" + closedWith(1002)},
		{"an unknown kind of frame", v.socket(frame(0x83, 1, "x")), " 101 |" + closedWith(1002)},
		{"a long ping", v.socket(frame(0x89, 500, strings.Repeat("x", 500))), " 101 |" + closedWith(1002)},
		{"a frame without a mask", v.socket("\x81\x01x"), " 101 |hung up"},
		{"invited twice", v.socket(initialised, initialised), " 101 |" + closedWith(4429)},
		{"an id of any length", v.socket(initialised, text(`{"type":"subscribe","id":"`+strings.Repeat("x", 10_000)+`","payload":{"query":"{__typename}"}}`)), " 101 |" + closedWith(4400)},
		{"an id twice", v.socket(initialised, strings.Repeat(text(`{"type":"subscribe","id":"1","payload":{"query":"{users(first:999){nodes{displayName}}}"}}`), 50)), " 101 |"},
		{"a million braces in a message", v.socket(initialised, text(`{"type":"subscribe","id":"1","payload":{"query":"`+strings.Repeat("{", 1_000_000)+`"}}`)), " 101 |" + closedWith(4400)},
		{"braces in a message", v.socket(initialised, text(`{"type":"subscribe","id":"1","payload":{"query":"`+strings.Repeat("{", 16_000)+`"}}`)), " 101 |\"limit\":"},
		{"another origin's", strings.Replace(v.socket(), "\r\nUpgrade", "\r\nOrigin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\nUpgrade", 1), " 403 "},
		{"another version", strings.Replace(v.socket(), "Version: 13", "Version: 8", 1), " 426 "},
	}
	v.besideHealthy(t, func() {
		turns := make(chan struct{}, 4)
		var group sync.WaitGroup
		for range 5 {
			for _, attack := range attacks {
				turns <- struct{}{}
				group.Go(func() {
					defer func() { <-turns }()
					parts := strings.Split(attack.want, "|")
					parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
					got, err := v.raw(answerTime(), attack.sent, parts...)
					for range 2 { // a loaded machine can be slow once
						if !errors.Is(err, os.ErrDeadlineExceeded) {
							break
						}
						got, err = v.raw(answerTime(), attack.sent, parts...)
					}
					switch {
					case errors.Is(err, os.ErrDeadlineExceeded):
						t.Errorf("%s: no response in time: …%q", attack.name, got[max(0, len(got)-300):])
					case got == "hung up" && strings.HasSuffix(attack.want, "|"): // closed during sending
					case err != nil && !hasAll(got, parts):
						t.Errorf("%s: …%q, %v", attack.name, got[max(0, len(got)-300):], err)
					case len(got) > 200<<10 || strings.Contains(got, `"code":"INTERNAL"`) || strings.Contains(got, " 500 Internal"):
						t.Errorf("%s: %d bytes %.400q", attack.name, len(got), got)
					}
				})
			}
		}
		group.Wait()
	})
	if log := v.stderr.String(); strings.Contains(log, "panic") {
		t.Errorf("something panicked:\n%.3000s", log)
	}
}

// repeatedNext returns a text with each number below n and its successor, in a cycle.
func repeatedNext(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, (i+1)%n)
	}
	return b.String()
}

// TestFloods sends many requests, slowly or at once.
func TestFloods(t *testing.T) { // not parallel: it measures
	v := launchVictim(t, 60)
	slow := func(name, first, drop string, every time.Duration) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() {
					conn, err := net.Dial("tcp", v.host)
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					_ = conn.SetDeadline(time.Now().Add(10*time.Second + answerTime()))
					_, _ = io.WriteString(conn, first)
					var writing sync.WaitGroup
					defer writing.Wait()
					ended := make(chan struct{})
					defer close(ended)
					writing.Go(func() {
						ticker := time.NewTicker(every)
						defer ticker.Stop()
						for {
							select {
							case <-ended:
								return
							case <-ticker.C:
							}
							if _, err := io.WriteString(conn, drop); err != nil {
								return
							}
						}
					})
					if _, err := io.Copy(io.Discard, conn); err != nil { // until the connection closes
						if errors.Is(err, os.ErrDeadlineExceeded) {
							t.Errorf("%s: connection not closed", name)
						}
					}
				})
			}
			group.Wait()
		}
	}
	head := "POST /graphql HTTP/1.1\r\nHost: " + v.host + "\r\nContent-Type: application/json\r\nAuthorization: Bearer " + v.hostile + "\r\n"
	unread := func(coding string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			_, page := v.get(t, "/")
			script := regexp.MustCompile(`src="\.?(/[^"]+\.js)"`).FindStringSubmatch(page)
			if script == nil {
				t.Fatalf("no script in the page: %s", page)
			}
			request := "GET " + script[1] + " HTTP/1.1\r\nHost: " + v.host + "\r\nAccept-Encoding: " + coding + "\r\nX: " + strings.Repeat("x", 30_000) + "\r\n\r\n"
			var conns []net.Conn
			for range 40 {
				conn, err := net.Dial("tcp", v.host)
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
				_ = conn.SetDeadline(time.Now().Add(20*time.Second + answerTime()))
				conns = append(conns, conn)
			}
			var group sync.WaitGroup
			for _, conn := range conns {
				group.Go(func() { // until its buffers are full and the connection closes
					defer conn.Close()
					for range 2_000 {
						if _, err := io.WriteString(conn, request); err != nil {
							if errors.Is(err, os.ErrDeadlineExceeded) {
								t.Error("connection not closed")
							}
							return
						}
					}
					t.Error("no request rejected")
				})
			}
			group.Wait()
		}
	}
	tests := []struct {
		name string
		run  func(*testing.T)
	}{
		{"headers, drop by drop", slow("headers", "GET / HTTP/1.1\r\nHost: "+v.host+"\r\n", "X: y\r\n", 100*time.Millisecond)},
		{"a body, drop by drop", slow("body", head+"Content-Length: 1000000\r\n\r\n", " ", 100*time.Millisecond)},
		{"chunks, drop by drop", slow("chunks", head+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", 100*time.Millisecond)},
		{"an unauthenticated slow body", slow("unauthenticated body", "POST /graphql HTTP/1.1\r\nHost: "+v.host+"\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n", " ", 100*time.Millisecond)},
		{"a WebSocket that says nothing", slow("socket", v.socket(), "", time.Hour)},
		{"a message, drop by drop", slow("message", v.socket(frame(0x81, 1_000_000, "")), "x", 100*time.Millisecond)},
		{"unauthenticated pings", slow("pings", v.socket(), text(`{"type":"ping"}`), 10*time.Millisecond)},
		{"unread responses", unread("gzip")},
		{"unread uncompressed responses", unread("identity")},
		{"one after another on one connection", func(t *testing.T) {
			body := `{"query":"{__typename}"}`
			got, err := v.raw(10*answerTime(), strings.Repeat(head+"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body, 1_000)+v.request("GET /healthz", ""), "hung up")
			if n := strings.Count(got, "HTTP/1.1 200 OK"); err != nil || n != 1_001 {
				t.Errorf("%d answers, %v", n, err)
			}
		}},
		{"a thousand connections", func(t *testing.T) {
			for range 1_000 {
				conn, err := net.Dial("tcp", v.host)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
			}
			for range 20 {
				if r := v.as(t, "{__typename}", bearing(v.hostile)); r.status != 200 {
					t.Errorf("%d %s", r.status, r.body)
				}
			}
		}},
		{"10,000 invented keys", func(t *testing.T) {
			v.tenant.ResetCounts()
			claims := segment(map[string]any{"tid": v.tenant.TenantID()})
			var group sync.WaitGroup
			for worker := range 8 {
				group.Go(func() {
					for i := range 1_250 {
						token := segment(map[string]any{"alg": "RS256", "kid": fmt.Sprint(worker, "-", i)}) + "." + claims + ".AAAA"
						if r := v.as(t, "{__typename}", bearing(token)); r.status != 401 {
							t.Errorf("%d %s", r.status, r.body)
							return
						}
					}
				})
			}
			group.Wait()
			asked := 0
			for endpoint, count := range v.tenant.Counts() {
				if strings.Contains(endpoint, "keys") {
					asked += count.Requests
				}
			}
			if asked > 1 {
				t.Errorf("%d requests for keys: %v", asked, v.tenant.Counts())
			}
		}},
		{"2,000 documents to remember", func(t *testing.T) {
			var group sync.WaitGroup
			for worker := range 4 {
				group.Go(func() {
					for i := range 500 {
						query := fmt.Sprintf("query q%d_%d{__typename #%s\n}", worker, i, strings.Repeat("x", 30_000))
						r := v.send(t, mustMarshal(map[string]any{"query": query, "extensions": persisted(hashOf(query))}), v.hostile)
						if r.status != 200 {
							t.Errorf("%d %s", r.status, r.body)
							return
						}
					}
				})
			}
			group.Wait()
		}},
		{"cursors with bits flipped", func(t *testing.T) {
			r := v.as(t, "{users(first:5){pageInfo{endCursor}}}", bearing(v.hostile))
			var page struct {
				Data struct {
					Users struct{ PageInfo struct{ EndCursor string } }
				}
			}
			if err := json.Unmarshal([]byte(r.body), &page); err != nil || page.Data.Users.PageInfo.EndCursor == "" {
				t.Fatal(r.body, err)
			}
			sealed, err := base64.RawURLEncoding.DecodeString(page.Data.Users.PageInfo.EndCursor)
			if err != nil {
				t.Fatal(err)
			}
			for bit := range len(sealed) * 8 {
				flipped := slices.Clone(sealed)
				flipped[bit/8] ^= 1 << (bit % 8)
				r := v.as(t, fmt.Sprintf("{users(first:5,after:%q){nodes{id}}}", base64.RawURLEncoding.EncodeToString(flipped)), bearing(v.hostile))
				if !strings.Contains(r.body, "does not belong to this list") || strings.Contains(r.body, `"id":"`) {
					t.Errorf("bit %d: %s", bit, r.body)
				}
			}
			if r := v.as(t, fmt.Sprintf("{groups(first:5,after:%q){nodes{id}}}", page.Data.Users.PageInfo.EndCursor), bearing(v.hostile)); !strings.Contains(r.body, "does not belong to this list") {
				t.Errorf("another list: %s", r.body)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { v.besideHealthy(t, func() { tt.run(t) }) })
	}
	if log := v.stderr.String(); strings.Contains(log, "panic") {
		t.Errorf("something panicked:\n%.3000s", log)
	}
}

// TestLongAnswers sends many concurrent short queries with large responses.
func TestLongAnswers(t *testing.T) { // not parallel: it measures
	v := launchVictim(t, 400)
	letters := strings.Repeat("x", 120)
	questions := map[string]string{
		"long aliases":            "{users(first:400){nodes{assignedPlans{" + repeated(50, "a%d"+letters+":servicePlanId ") + "}}}}",
		"short aliases":           "{users(first:400){nodes{assignedPlans{" + repeated(50, "a%d:capabilityStatus ") + "}}}}",
		"aliases of __typename":   "{users(first:400){nodes{assignedPlans{" + repeated(50, "a%d"+letters+":__typename ") + "}}}}",
		"just below the cost":     "{users(first:60){nodes{assignedPlans{" + repeated(50, "a%d"+letters+":servicePlanId ") + "}}}}",
		"and with short aliases":  "{users(first:90){nodes{assignedPlans{" + repeated(50, "a%d:capabilityStatus ") + "}}}}",
		"fragments of __typename": "{users(first:400){nodes{assignedPlans{...f}}}} fragment f on AssignedPlan{" + repeated(50, "a%d"+letters+":__typename ") + "}",
	}
	v.besideHealthy(t, func() {
		var group sync.WaitGroup
		for name, question := range questions {
			for range 14 {
				group.Go(func() {
					r := v.send(t, mustMarshal(map[string]any{"query": question}), v.hostile)
					if len(r.body) > 64<<20 || strings.Contains(r.body, "INTERNAL") {
						t.Errorf("%s: %d bytes %.300s", name, len(r.body), r.body)
					}
				})
			}
		}
		group.Wait()
	})
}

// TestUnreadLongAnswers sends many queries with large responses, and reads only their first bytes. The memory
// remains close to the limit of all responses.
func TestUnreadLongAnswers(t *testing.T) { // not parallel: it measures
	const clients = 12
	v := launchVictim(t, 400)
	letters := strings.Repeat("x", 120)
	question := string(mustMarshal(map[string]any{"query": "{users(first:75){nodes{assignedPlans{" + repeated(50, "a%d"+letters+":servicePlanId ") + "}}}}"}))
	before := v.resident(t)
	var group sync.WaitGroup
	var answered atomic.Int32
	for range clients {
		conn, err := net.Dial("tcp", v.host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		group.Go(func() {
			_, _ = io.WriteString(conn, v.posted(question))
			first := make([]byte, 300)
			_, err := io.ReadFull(conn, first)
			t.Logf("%v %.120s", err, bytes.ReplaceAll(first, []byte("\r\n"), []byte(" ")))
			if bytes.Contains(first, []byte(" 200 ")) {
				answered.Add(1)
			}
		})
	}
	group.Wait()
	grown := v.resident(t) - before
	t.Logf("%d of %d were answered; memory grew by %d MiB", answered.Load(), clients, grown>>10)
	if most := 400 << 10 * map[bool]int{false: 1, true: 4}[raced]; answered.Load() == 0 || grown > most {
		t.Errorf("memory grew by %d KiB, more than %d", grown, most)
	}
}
