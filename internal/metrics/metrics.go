// Package metrics counts operations and requests to Microsoft Graph for Prometheus. No metric has a label with personal
// data or with values of unlimited number.
package metrics

import (
	"context"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"licensegraph/internal/transport"
	"licensegraph/internal/upstream"
)

const (
	// maxNames is the maximum number of operation names in labels; operations with further names are otherName.
	maxNames = 200
	// maxName is the maximum length of an operation name in a label.
	maxName = 64
	// otherName is the label of operations whose name has no label.
	otherName = "(other)"
)

// Metrics are the metrics of a process. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	all      []Description

	operations     *prometheus.CounterVec
	errors         *prometheus.CounterVec
	refusals       *prometheus.CounterVec
	durations      *prometheus.HistogramVec
	answers        *prometheus.HistogramVec
	costs          *prometheus.HistogramVec
	upstreamCosts  *prometheus.HistogramVec
	requests       *prometheus.CounterVec
	requestTimes   *prometheus.HistogramVec
	units          *prometheus.CounterVec
	parts          *prometheus.CounterVec
	batches        prometheus.Histogram
	retries        *prometheus.CounterVec
	coolDowns      *prometheus.CounterVec
	queued         prometheus.Histogram
	reads          *prometheus.HistogramVec
	unplannedReads *prometheus.CounterVec

	mu    sync.Mutex
	names map[string]bool
}

// Description describes a metric.
type Description struct {
	Name, Type, Help string
	Labels           []string
}

var (
	inSeconds  = prometheus.ExponentialBucketsRange(0.001, 30, 12)
	inTens     = prometheus.ExponentialBuckets(1, 10, 7)
	inBytes    = prometheus.ExponentialBuckets(1<<10, 8, 6)
	inParts    = []float64{2, 5, 10, 15, 19, 20}
	inRequests = []float64{0, 1, 2, 3, 5, 10, 20, 50, 100, 500}
)

// New returns metrics of which all counts are zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), names: map[string]bool{}}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.operations = m.counter("operations_total", "Operations by name (or hash of the document, or (other)), type (query, mutation, subscription; empty if the request was rejected before it was parsed) and code: OK, or the code of the first error.", "operation", "type", "code")
	m.errors = m.counter("operation_errors_total", "Operations with an error, by its code. An operation with errors of several codes counts for each.", "code", "partial")
	m.refusals = m.counter("limit_refusals_total", "Operations that a limit rejected, by its name in extensions.limit.", "limit")
	m.durations = m.histogram("operation_duration_seconds", "Duration of operations in seconds, until the response was written.", inSeconds, "transport", "type")
	m.answers = m.histogram("operation_response_bytes", "Size of responses in bytes, before compression.", inBytes, "type")
	m.costs = m.histogram("operation_cost", "Estimated cost of operations; see --max-cost.", inTens, "type")
	m.upstreamCosts = m.histogram("operation_upstream_requests", "Requests of an operation to Microsoft Graph, counting a $batch as one.", inRequests, "type")

	m.requests = m.counter("upstream_requests_total", "Requests to Microsoft Graph and to the token endpoint, by the status of the response; 0 without a response.", "endpoint", "status")
	m.requestTimes = m.histogram("upstream_request_duration_seconds", "Duration of these requests in seconds.", inSeconds, "endpoint")
	m.units = m.counter("upstream_resource_units_total", "Resource units that Microsoft Graph charged, on which throttling is based.", "endpoint")
	m.batches = m.sole("upstream_batch_requests", "Requests in a $batch, of at most 20.", inParts)
	m.parts = m.counter("upstream_batch_parts_total", "Requests in a $batch, by the status of the response; 0 without a response.", "endpoint", "status")
	m.retries = m.counter("upstream_retries_total", "Requests that were sent again.", "endpoint")
	m.coolDowns = m.counter("upstream_cool_down_seconds_total", "Seconds for which responses request no further requests, such as Retry-After.", "endpoint")
	m.queued = m.sole("upstream_queue_seconds", "Seconds that a request waited for a slot or for the end of a cool-down.", inSeconds)

	m.reads = m.histogram("loader_keys", "Keys that a loader reads at once, without the checks of mutations.", inRequests, "read")
	m.unplannedReads = m.counter("loader_unplanned_reads_total", "Reads of queries that the fetch plan lacks; a defect.", "read")
	build := m.gauge("build_info", "Version of the program; always 1.", "version", "commit", "go")
	build.WithLabelValues(Build()).Set(1)
	return m
}

// Build returns the version and the commit of the program, "unknown" if it was built without them, and the version of
// Go.
func Build() (version, commit, language string) {
	version, commit, language = "unknown", "unknown", runtime.Version()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit, language
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit, language
}

const namespace = "licensegraph"

// describe records the description of a metric and returns its full name.
func (m *Metrics) describe(name, kind, help string, labels ...string) string {
	full := prometheus.BuildFQName(namespace, "", name)
	m.all = append(m.all, Description{full, kind, help, labels})
	return full
}

// Descriptions returns the descriptions of the metrics of the gateway, without those of the Go runtime and the process.
func (m *Metrics) Descriptions() []Description { return m.all }

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.describe(name, "counter", help, labels...), Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.describe(name, "gauge", help, labels...), Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.describe(name, "histogram", help, labels...), Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// sole is histogram without labels.
func (m *Metrics) sole(name, help string, buckets []float64) prometheus.Histogram {
	return m.histogram(name, help, buckets).WithLabelValues().(prometheus.Histogram)
}

// Gauge adds a gauge whose value is read when the metrics are.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: m.describe(name, "gauge", help), Help: help}, value))
}

// Handler serves the metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Operation counts an operation that has ended.
func (m *Metrics) Operation(_ context.Context, r *transport.Record) {
	code := "OK"
	if len(r.Errors) > 0 {
		code = r.Errors[0]
	}
	for _, each := range r.Errors {
		m.errors.WithLabelValues(each, strconv.FormatBool(r.Partial)).Inc()
	}
	for _, limit := range r.Limits {
		m.refusals.WithLabelValues(limit).Inc()
	}
	m.operations.WithLabelValues(m.nameOf(r), r.Type, code).Inc()
	m.durations.WithLabelValues(r.Transport, r.Type).Observe(r.Duration.Seconds())
	m.answers.WithLabelValues(r.Type).Observe(float64(r.Bytes))
	if r.Type != "" {
		m.costs.WithLabelValues(r.Type).Observe(float64(r.Cost))
		m.upstreamCosts.WithLabelValues(r.Type).Observe(float64(r.Upstream.Requests))
	}
}

// nameOf returns the label of an operation: its name, or the hash of its document. Clients choose both, so only the
// first ones of operations with data get a label.
func (m *Metrics) nameOf(r *transport.Record) string {
	name := r.Name
	if name == "" && r.Document != "" {
		name = "sha256:" + r.Document[:12]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch executed := r.Type != "" && (len(r.Errors) == 0 || r.Partial); {
	case m.names[name]:
		return name
	case !executed, len(name) > maxName, len(m.names) == maxNames:
		return otherName
	}
	m.names[name] = true
	return name
}

// Read counts a read of a loader.
func (m *Metrics) Read(read string, _ upstream.Cost, keys int, planned bool) {
	m.reads.WithLabelValues(read).Observe(float64(keys))
	if !planned {
		m.unplannedReads.WithLabelValues(read).Inc()
	}
}

// Upstream returns the observer of requests to Microsoft Graph.
func (m *Metrics) Upstream() Upstream { return Upstream{m} }

// Upstream counts requests to Microsoft Graph.
type Upstream struct{ m *Metrics }

// Sent counts a request.
func (u Upstream) Sent(endpoint string, status, units int, took time.Duration) {
	u.m.requests.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
	u.m.requestTimes.WithLabelValues(endpoint).Observe(took.Seconds())
	if units > 0 {
		u.m.units.WithLabelValues(endpoint).Add(float64(units))
	}
}

// Batched counts a $batch.
func (u Upstream) Batched(parts int) { u.m.batches.Observe(float64(parts)) }

// Part counts a request in a $batch.
func (u Upstream) Part(endpoint string, status int) {
	u.m.parts.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
}

// Repeated counts a request that is sent again.
func (u Upstream) Repeated(endpoint string) { u.m.retries.WithLabelValues(endpoint).Inc() }

// CooledDown counts the pause that a response requests.
func (u Upstream) CooledDown(endpoint string, pause time.Duration) {
	u.m.coolDowns.WithLabelValues(endpoint).Add(pause.Seconds())
}

// Queued counts the time that a request waited.
func (u Upstream) Queued(waited time.Duration) { u.m.queued.Observe(waited.Seconds()) }
