// Command bench compares the gateway, with and without columns, with a program
// written for one question: the assignment errors of a tenant, the users with
// these errors, their license states and their usage rights. Microsoft Graph is
// the embedded tenant in a separate process, which answers each request from
// memory. Each server has one CPU. The figures are CPU time per response, from
// the operating system; the servers are measured in alternating rounds.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "upstream":
		err = serveUpstream(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "floor":
		err = serveFloor(os.Getenv("UPSTREAM"))
	default:
		err = run(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// server is a measured process.
type server struct {
	name    string
	process *exec.Cmd
	url     string
	cpu     map[int][]time.Duration // per response, by number of errors
	wall    map[int][]time.Duration
}

func run(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "rounds of each server and size")
	delay := flags.Duration("delay", 0, "delay of each upstream response")
	expand := flags.String("expand", "both", "relations of errors that the upstream expands")
	page := flags.Int("page", 1000, "maximum page size of the upstream")
	sizes := []int{1, 50, mostErrors}
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	gateway := filepath.Join(dir, "gateway")
	build := exec.CommandContext(ctx, "go", "build", "-o", gateway, "./server")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	upstream, line, err := start(ctx, "upstream", self, nil, "upstream", fmt.Sprint("-delay=", *delay), "-expand="+*expand, fmt.Sprint("-page=", *page))
	if err != nil {
		return err
	}
	defer upstream.stop()
	var tenant tenantInfo
	if err := json.Unmarshal([]byte(line), &tenant); err != nil {
		return err
	}
	servers := []*server{}
	secret := []string{"LICENSEGRAPH_CLIENT_SECRET=" + tenant.ClientSecret}
	settings := []string{
		"--listen=127.0.0.1:0", "--graph-url=" + tenant.URL, "--authority=" + tenant.URL, "--tenant-id=" + tenant.TenantID, "--client-id=" + tenant.ClientID,
		"--caller-rate=100000", "--caller-burst=100000", "--max-cost=10000000",
	}
	for _, s := range []struct {
		name, path string
		env, args  []string
	}{
		{"floor", self, []string{"UPSTREAM=" + line}, []string{"floor"}},
		{"gateway", gateway, secret, settings},
		{"no columns", gateway, secret, append(slices.Clone(settings), "--no-columns")},
	} {
		started, line, err := start(ctx, s.name, s.path, append(s.env, "GOMAXPROCS=1"), s.args...)
		if err != nil {
			return err
		}
		defer started.stop()
		started.url = line
		servers = append(servers, started)
	}
	for range *rounds {
		for _, n := range sizes {
			for _, s := range servers {
				if err := s.measure(ctx, n, 2000/(n+20)+5); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "errors\tserver\tCPU\tof floor\ttime\t")
	for _, n := range sizes {
		for _, s := range servers {
			cpu := median(s.cpu[n])
			fmt.Fprintf(table, "%d\t%s\t%v\t%.2f\t%v\t\n", n, s.name, cpu.Round(10*time.Microsecond), float64(cpu)/float64(median(servers[0].cpu[n])), median(s.wall[n]).Round(10*time.Microsecond))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range servers {
		peak, err := peakMemory(s.process.Process.Pid)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%s: peak memory %d MiB\n", s.name, peak>>20)
	}
	return nil
}

// address matches the output of a process when it is ready: its URL, or a JSON
// object.
var address = regexp.MustCompile(`^\{"URL".*|^http://\S+$|http://127\.0\.0\.1:\d+/graphql`)

// start starts a process and returns its address.
func start(ctx context.Context, name, path string, env []string, args ...string) (*server, string, error) {
	s := &server{name: name, process: exec.CommandContext(ctx, path, args...), cpu: map[int][]time.Duration{}, wall: map[int][]time.Duration{}}
	s.process.Env = append(os.Environ(), env...)
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	s.process.Stderr = s.process.Stdout
	if err := s.process.Start(); err != nil {
		return nil, "", err
	}
	lines, last := bufio.NewScanner(out), ""
	for lines.Scan() {
		line := lines.Text()
		last = line
		if found := address.FindString(line); found != "" {
			go io.Copy(io.Discard, out) //nolint:errcheck // ends with the process
			return s, strings.TrimSuffix(found, "/graphql"), nil
		}
	}
	s.stop()
	return nil, "", errors.New(name + " did not start: " + last)
}

// stop ends the process.
func (s *server) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

// question is the measured query.
const question = `{ assignmentErrors(first: %d) { nodes { id code message occurrenceDateTime sku { skuPartNumber productName }
	assignedTo { id displayName ... on User { userPrincipalName licenseAssignmentStates { state error errorText } } }
	usageRight { id skuPartNumber services { planId planName displayName } } } } }`

// measure sends requests and records the CPU time and the time of each.
func (s *server) measure(ctx context.Context, errors, requests int) error {
	body, err := json.Marshal(map[string]string{"query": fmt.Sprintf(question, errors)})
	if err != nil {
		return err
	}
	ask := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept-Encoding", "identity")
		req.Header.Set("X-Errors", fmt.Sprint(errors))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if got := bytes.Count(answer, []byte(`"occurrenceDateTime":`)); err == nil && got != errors {
			err = fmt.Errorf("%d of %d errors: %.300s", got, errors, answer)
		}
		return err
	}
	if err := ask(); err != nil { // warm up
		return err
	}
	before, err := cpuTime(s.process.Process.Pid)
	if err != nil {
		return err
	}
	began := time.Now()
	for range requests {
		if err := ask(); err != nil {
			return err
		}
	}
	wall := time.Since(began)
	after, err := cpuTime(s.process.Process.Pid)
	if err != nil {
		return err
	}
	s.cpu[errors] = append(s.cpu[errors], (after-before)/time.Duration(requests))
	s.wall[errors] = append(s.wall[errors], wall/time.Duration(requests))
	return nil
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
