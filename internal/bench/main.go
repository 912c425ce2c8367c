// Command bench compares the gateway, with and without columns, with a program
// written for one question: the assignment errors of a tenant, the users with
// these errors, their license states and their usage rights. Microsoft Graph is
// the embedded tenant in a separate process, which answers each request from
// memory. Each server has one CPU. The figures are CPU time per response, from
// the operating system; the servers are measured in alternating rounds.
//
//	go run ./internal/bench [flags] [section]...
//
// The sections are table, allocations, refused, delay, memory and overload,
// which run by default, walk, and guard (see .ci/run).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
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

// sizes are the measured numbers of errors.
var sizes = []int{1, 50, mostErrors}

// question is the measured query.
const question = `{ assignmentErrors(first: %d) { nodes { id code message occurrenceDateTime sku { skuPartNumber productName }
	assignedTo { id displayName ... on User { userPrincipalName licenseAssignmentStates { state error errorText } } }
	usageRight { id skuPartNumber services { planId planName displayName } } } } }`

// bench has the programs and settings of a run.
type bench struct {
	self, gateway string // files
	rounds        int
	upstream      []string // arguments
	noFloor       bool     // the floor requires both relations
	update        bool
}

func run(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "rounds of each server and size")
	delay := flags.Duration("delay", 0, "delay of each upstream response")
	expand := flags.String("expand", "both", "relations of errors that the upstream expands: both or none")
	page := flags.Int("page", 1000, "maximum page size of the upstream")
	update := flags.Bool("update", false, "write the numbers of the guard")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{
		gateway: filepath.Join(dir, "gateway"), rounds: *rounds, update: *update, noFloor: *expand != "both",
		upstream: []string{fmt.Sprint("-delay=", *delay), "-expand=" + *expand, fmt.Sprint("-page=", *page)},
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", b.gateway, "./server")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	sections := flags.Args()
	if len(sections) == 0 {
		sections = []string{"table", "allocations", "refused", "delay", "memory", "overload"}
	}
	for _, name := range sections {
		section := map[string]func(context.Context) error{
			"table": b.table, "allocations": b.allocations, "refused": b.refused, "delay": b.delay, "memory": b.memory, "overload": b.overload,
			"walk": b.walk, "guard": b.guard,
		}[name]
		if section == nil {
			return fmt.Errorf("no section %q", name)
		}
		if err := section(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// lab has an upstream service and servers over it.
type lab struct {
	upstream *server
	tenant   tenantInfo
	servers  []*server
}

// start starts an upstream service and servers over it: floor, gateway or no
// columns.
func (b *bench) start(ctx context.Context, upstream []string, names ...string) (l *lab, err error) {
	l = &lab{}
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	var line string
	if l.upstream, line, err = start(ctx, "upstream", b.self, nil, append([]string{"upstream"}, upstream...)...); err != nil {
		return l, err
	}
	if err := json.Unmarshal([]byte(line), &l.tenant); err != nil {
		return l, err
	}
	for _, name := range names {
		path, env, args := b.gateway, []string{"LICENSEGRAPH_CLIENT_SECRET=" + l.tenant.ClientSecret}, l.settings()
		switch name {
		case "floor":
			path, env, args = b.self, []string{"UPSTREAM=" + line}, []string{"floor"}
		case "no columns":
			args = append(args, "--no-columns")
		}
		s, url, err := start(ctx, name, path, append(env, "GOMAXPROCS=1"), args...)
		if err != nil {
			return l, err
		}
		s.url = url
		l.servers = append(l.servers, s)
	}
	return l, nil
}

// settings returns the arguments of a gateway.
func (l *lab) settings() []string {
	return []string{
		"--listen=127.0.0.1:0", "--graph-url=" + l.tenant.URL, "--authority=" + l.tenant.URL, "--tenant-id=" + l.tenant.TenantID, "--client-id=" + l.tenant.ClientID,
		"--caller-rate=100000", "--caller-burst=100000", "--max-scheduling-delay=1m", "--upstream-report=header",
	}
}

func (l *lab) stop() {
	for _, s := range append(l.servers, l.upstream) {
		if s != nil {
			s.stop()
		}
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

// measure sends requests, one after the other, and records the CPU time and
// the time of each.
func (s *server) measure(ctx context.Context, errors, requests int) error {
	q := newQuery(errors)
	if _, err := q.ask(ctx, s); err != nil { // warm up
		return err
	}
	before, err := cpuTime(s.process.Process.Pid)
	if err != nil {
		return err
	}
	for range requests {
		began := time.Now()
		if _, err := q.ask(ctx, s); err != nil {
			return err
		}
		s.wall[errors] = append(s.wall[errors], time.Since(began))
	}
	after, err := cpuTime(s.process.Process.Pid)
	s.cpu[errors] = append(s.cpu[errors], (after-before)/time.Duration(requests))
	return err
}

// table prints CPU time, time and upstream requests of each server.
func (b *bench) table(ctx context.Context) error {
	if b.noFloor {
		return b.compare(ctx, b.upstream, "gateway", "no columns")
	}
	return b.compare(ctx, b.upstream, "floor", "gateway", "no columns")
}

// refused prints the same for an upstream that expands no relation of errors.
func (b *bench) refused(ctx context.Context) error {
	fmt.Fprintln(os.Stdout, "\nThe upstream rejects $expand of errors; pages of 100:")
	return b.compare(ctx, []string{"-expand=none", "-page=100"}, "gateway", "no columns")
}

func (b *bench) compare(ctx context.Context, upstream []string, names ...string) error {
	l, err := b.start(ctx, upstream, names...)
	if err != nil {
		return err
	}
	defer l.stop()
	for range b.rounds {
		for _, n := range sizes {
			for _, s := range l.servers {
				if err := s.measure(ctx, n, 1500/(n+20)+8); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "errors\tserver\tCPU\tof %s\tp50\tupstream requests\tparts\t\n", names[0])
	for _, n := range sizes {
		for _, s := range l.servers {
			upstream := "\t\t" // the floor does not report them
			if s.name != "floor" {
				a, err := newQuery(n).report(ctx, s)
				if err != nil {
					return err
				}
				upstream = fmt.Sprintf("%d\t%d\t", a.Requests, a.BatchParts)
			}
			cpu := median(s.cpu[n])
			fmt.Fprintf(table, "%d\t%s\t%v\t%.2f\t%v\t%s\n", n, s.name, cpu.Round(10*time.Microsecond), float64(cpu)/float64(median(l.servers[0].cpu[n])), median(s.wall[n]).Round(10*time.Microsecond), upstream)
		}
	}
	return table.Flush()
}

// delay prints the time of a response if each upstream response takes 20 ms.
func (b *bench) delay(ctx context.Context) error {
	fmt.Fprintln(os.Stdout, "\nEach upstream response takes 20 ms; two depend on each other:")
	l, err := b.start(ctx, []string{"-delay=20ms"}, "floor", "gateway")
	if err != nil {
		return err
	}
	defer l.stop()
	for _, n := range sizes {
		for _, s := range l.servers {
			if err := s.measure(ctx, n, 20); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			fmt.Fprintf(os.Stdout, "%d errors, %s: p50 %v\n", n, s.name, median(s.wall[n]).Round(100*time.Microsecond))
		}
	}
	return nil
}

func median(all []time.Duration) time.Duration { return percentile(all, 50) }

func percentile(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}
