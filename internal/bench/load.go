package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"text/tabwriter"
	"time"
)

// client has a connection for each request in progress.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}}

// query is the question, as a request body, for a number of errors.
type query struct {
	number int
	body   []byte
}

func newQuery(number int) query { return query{number, bodyOf(fmt.Sprintf(question, number))} }

func bodyOf(text string) []byte {
	body, err := json.Marshal(map[string]string{"query": text})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return body
}

// errRejected means that the server accepts no more requests now.
type errRejected int

func (e errRejected) Error() string { return http.StatusText(int(e)) }

// post sends a body and returns the answer.
func post(ctx context.Context, s *server, body []byte, headers ...string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests:
		err = errRejected(resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s: %.300s", resp.Status, answer)
	}
	return answer, err
}

// ask sends the question and checks that the answer has all errors.
func (q query) ask(ctx context.Context, s *server, headers ...string) ([]byte, error) {
	answer, err := post(ctx, s, q.body, append(headers, "X-Errors", fmt.Sprint(q.number))...)
	if got := bytes.Count(answer, []byte(`"occurrenceDateTime":`)); err == nil && got != q.number {
		err = fmt.Errorf("%d of %d errors: %.300s", got, q.number, answer)
	}
	return answer, err
}

// usage is what the gateway reports of its upstream requests.
type usage struct{ Requests, BatchParts int }

// report returns the upstream requests of the question.
func (q query) report(ctx context.Context, s *server) (usage, error) {
	answer, err := q.ask(ctx, s, "Upstream-Report", "true")
	if err != nil {
		return usage{}, err
	}
	var got struct {
		Extensions struct{ Upstream usage }
	}
	err = json.Unmarshal(answer, &got)
	return got.Extensions.Upstream, err
}

// outcome is the result of concurrent requests.
type outcome struct {
	accepted []time.Duration
	rejected int
	took     time.Duration
	cpu      time.Duration // of the server
}

func (o outcome) perSecond() float64 { return float64(len(o.accepted)) / o.took.Seconds() }

// load sends the question from concurrent clients for a time. Each client
// sends its next request after the answer, or a moment after a rejection.
func (q query) load(ctx context.Context, s *server, clients int, duration time.Duration) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var all outcome
	var running sync.WaitGroup
	before, err := cpuTime(s.process.Process.Pid)
	if err != nil {
		return all, err
	}
	began := time.Now()
	for range clients {
		running.Go(func() {
			for time.Since(began) < duration && ctx.Err() == nil {
				sent := time.Now()
				_, err := q.ask(ctx, s)
				took := time.Since(sent)
				_, rejected := errors.AsType[errRejected](err)
				mu.Lock()
				switch {
				case rejected:
					all.rejected++
				case err != nil:
					cancel(err)
				default:
					all.accepted = append(all.accepted, took)
				}
				mu.Unlock()
				if rejected {
					select {
					case <-time.After(100 * time.Millisecond):
					case <-ctx.Done():
					}
				}
			}
		})
	}
	running.Wait()
	all.took = time.Since(began)
	after, err := cpuTime(s.process.Process.Pid)
	all.cpu = after - before
	return all, cmp.Or(context.Cause(ctx), err)
}

// memory prints the peak memory for one client and for 32, of new processes.
func (b *bench) memory(ctx context.Context) error {
	fmt.Fprintln(os.Stdout)
	for _, clients := range []int{1, 32} {
		peak, err := b.peak(ctx, clients)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "%d clients, %d errors each: peak memory %d MiB\n", clients, mostErrors, peak>>20)
	}
	return nil
}

func (b *bench) peak(ctx context.Context, clients int) (int, error) {
	l, err := b.start(ctx, b.upstream, "gateway")
	if err != nil {
		return 0, err
	}
	defer l.stop()
	if _, err := newQuery(mostErrors).load(ctx, l.servers[0], clients, 4*time.Second); err != nil {
		return 0, err
	}
	return peakMemory(l.servers[0].process.Process.Pid)
}

// overload prints throughput and time with the clients that saturate the
// gateway, with four times as many, and with more than one caller may have. On
// a machine that does other work, answers per second of CPU time are the
// throughput to compare.
func (b *bench) overload(ctx context.Context) error {
	fmt.Fprintln(os.Stdout, "\n50 errors per answer, from all clients at once:")
	l, err := b.start(ctx, b.upstream, "gateway")
	if err != nil {
		return err
	}
	defer l.stop()
	s, q := l.servers[0], newQuery(50)
	if _, err := q.load(ctx, s, 4, time.Second); err != nil { // warm up
		return err
	}
	best, saturating := 0.0, 0
	for clients := 1; clients <= 32; clients *= 2 {
		got, err := q.load(ctx, s, clients, time.Second)
		if err != nil {
			return err
		}
		if got.perSecond() > 1.1*best {
			best, saturating = got.perSecond(), clients
		}
	}
	numbers, rounds := []int{saturating, 4 * saturating, 400}, make([][]outcome, 3)
	for range b.rounds {
		for i, clients := range numbers {
			got, err := q.load(ctx, s, clients, 2*time.Second)
			if err != nil {
				return err
			}
			rounds[i] = append(rounds[i], got)
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "clients\tanswers/s\tanswers/CPU-s\tof peak\tp99\trejected/s\t")
	peak := 0.0
	for i, clients := range numbers {
		var all outcome
		for _, got := range rounds[i] {
			all.accepted = append(all.accepted, got.accepted...)
			all.rejected += got.rejected
			all.took += got.took
			all.cpu += got.cpu
		}
		perCPU := float64(len(all.accepted)) / all.cpu.Seconds()
		peak = max(peak, perCPU)
		fmt.Fprintf(table, "%d\t%.0f\t%.0f\t%.2f\t%v\t%.0f\t\n", clients, all.perSecond(), perCPU, perCPU/peak,
			percentile(all.accepted, 99).Round(time.Millisecond), float64(all.rejected)/all.took.Seconds())
	}
	return table.Flush()
}

// walk reads pages of a tenant of a million users, and prints the peak memory
// after a tenth of them and after all.
func (b *bench) walk(ctx context.Context) error {
	const pages = 200
	l, err := b.start(ctx, []string{"-users=1000000"}, "gateway")
	if err != nil {
		return err
	}
	defer l.stop()
	s, after := l.servers[0], "null"
	for page := 1; page <= pages; page++ {
		answer, err := post(ctx, s, bodyOf(`{ users(first: 999, after: `+after+`) {
			nodes { id displayName licenseAssignmentStates { state error } } pageInfo { endCursor } } }`))
		if err != nil {
			return err
		}
		var got struct {
			Data struct {
				Users struct {
					Nodes    []struct{ ID string }
					PageInfo struct{ EndCursor *string }
				}
			}
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			return err
		}
		if len(got.Data.Users.Nodes) != 999 || got.Data.Users.PageInfo.EndCursor == nil {
			return fmt.Errorf("page %d: %.300s", page, answer)
		}
		cursor, err := json.Marshal(got.Data.Users.PageInfo.EndCursor)
		if err != nil {
			return err
		}
		after = string(cursor)
		if page == pages/10 || page == pages {
			peak, err := peakMemory(s.process.Process.Pid)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stdout, "%d pages of 999 of a million users: peak memory %d MiB\n", page, peak>>20)
		}
	}
	return nil
}
