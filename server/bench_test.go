package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// BenchmarkErrors measures one operation of the gateway: HTTP server, execution and client for Microsoft Graph. Only
// internal/bench runs it: the variable BENCH has the upstream service, which is a separate process, and the queries.
// The client here makes about 20 of the allocations.
func BenchmarkErrors(b *testing.B) {
	var o struct {
		Settings []string
		Secret   string
		Queries  map[string]string // by number of errors
	}
	if os.Getenv("BENCH") == "" {
		b.Skip("run by internal/bench")
	}
	if err := json.Unmarshal([]byte(os.Getenv("BENCH")), &o); err != nil {
		b.Fatal(err)
	}
	memory = &runtimeMemory{limit: debug.SetMemoryLimit, container: memlimit.FromCgroup}
	defer func() { memory = nil }()
	p := start(b, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": o.Secret}, o.Settings...)
	host := strings.TrimPrefix(p.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	received := bufio.NewReader(conn)
	ask := func(b *testing.B, request []byte, answer io.Writer) int64 {
		b.Helper()
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(received, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		n, err := io.Copy(answer, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
		return n
	}
	for name, query := range o.Queries {
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			b.Fatal(err)
		}
		request := func(header string) []byte {
			return fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", host, header, len(body), body)
		}
		b.Run(name, func(b *testing.B) {
			var answer bytes.Buffer
			for range 3 { // until the capabilities and page sizes of endpoints are known
				answer.Reset()
				ask(b, request("Upstream-Report: true\r\n"), &answer)
			}
			var report struct {
				Extensions struct {
					Upstream struct{ Requests, BatchParts float64 }
				}
			}
			if err := json.Unmarshal(answer.Bytes(), &report); err != nil {
				b.Fatal(err)
			}
			plain, size := request(""), int64(0)
			b.ReportAllocs()
			for b.Loop() {
				size = ask(b, plain, io.Discard)
			}
			b.ReportMetric(report.Extensions.Upstream.Requests, "requests/op")
			b.ReportMetric(report.Extensions.Upstream.BatchParts, "parts/op")
			b.ReportMetric(float64(size), "answer-bytes/op")
		})
	}
}
