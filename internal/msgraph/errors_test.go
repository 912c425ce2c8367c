package msgraph

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/upstream"
)

var errorCodes = []struct {
	name, body, code, requestID string
}{
	{"plain", `{"error":{"code":"Request_ResourceNotFound","message":"m","innerError":{"request-id":"r","date":"d"}}}`, "Request_ResourceNotFound", "r"},
	{"inner code wins", `{"error":{"code":"badRequest","innerError":{"code":"invalidExpansion","request-id":"r"}}}`, "invalidExpansion", "r"},
	{"innererror", `{"error":{"code":"badRequest","innererror":{"code":"invalidExpansion","request-id":"r"}}}`, "invalidExpansion", "r"},
	{"nested", `{"error":{"code":"a","innerError":{"code":"b","request-id":"r","innererror":{"innerError":{"code":"c"}}}}}`, "c", "r"},
	{"empty code", `{"error":{"code":"","innerError":{"request-id":"r"}}}`, "", "r"},
	{"empty inner code", `{"error":{"code":"a","innerError":{"code":""}}}`, "a", ""},
	{"no inner error", `{"error":{"code":"a"}}`, "a", ""},
	{"null", `{"error":{"code":"a","innerError":null}}`, "a", ""},
	{"inner error of another type", `{"error":{"code":"a","innerError":"text"}}`, "a", ""},
	{"code of another type", `{"error":{"code":5}}`, "", ""},
	{"error of another type", `{"error":"invalid_client","error_description":"d"}`, "", ""},
	{"no error", `{"value":[]}`, "", ""},
	{"not JSON", `<html>`, "", ""},
	{"nothing", ``, "", ""},
	{"a code that is none", `{"error":{"code":"` + strings.Repeat("x", 101) + `","innerError":{"request-id":"` + strings.Repeat("x", 101) + `"}}}`, "", ""},
	{"without an end", strings.Repeat(`{"error":{"innerError":`, 1) + strings.Repeat(`{"code":"a","innerError":`, 50) + `{"code":"z"}` + strings.Repeat("}", 52), "a", ""},
}

func TestErrorCode(t *testing.T) {
	t.Parallel()
	for _, tt := range errorCodes {
		t.Run(tt.name, func(t *testing.T) {
			if code, id := errorCode(tt.body); code != tt.code || id != tt.requestID {
				t.Errorf("got %q %q, want %q %q", code, id, tt.code, tt.requestID)
			}
		})
	}
}

func FuzzErrorCode(f *testing.F) {
	for _, tt := range errorCodes {
		f.Add([]byte(tt.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if code, id := errorCode(string(body)); len(code) > 100 || len(id) > 100 {
			t.Errorf("%d and %d characters", len(code), len(id))
		}
	})
}

// samplesDir has a file for each request and response in the reference. It is not part of the project.
const samplesDir = "../../../shared/graph/examples"

// sample returns the response body of a sample.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(samplesDir, name))
	if err != nil {
		t.Skipf("the samples of the reference pages are not here: %v", err)
	}
	var s struct {
		Body json.RawMessage `json:"responseBody"`
	}
	if err := json.Unmarshal(raw, &s); err != nil || s.Body == nil {
		t.Fatalf("%s has no answer: %v", name, err)
	}
	return s.Body
}

func TestErrorSamples(t *testing.T) {
	t.Parallel()
	if code, id := errorCode(string(sample(t, "platform.throttled-429.json"))); code == "" || id == "" {
		t.Errorf("code %q, request id %q", code, id)
	}
}

// TestFailure tests the error of each status.
func TestFailure(t *testing.T) {
	t.Parallel()
	kinds := map[int]error{
		400: upstream.ErrRefused, 405: upstream.ErrRefused, 501: upstream.ErrRefused,
		409: upstream.ErrRefused, 412: upstream.ErrRefused, 422: upstream.ErrRefused,
		401: upstream.ErrUnauthenticated, 403: upstream.ErrForbidden,
		404: upstream.ErrNotFound, 410: upstream.ErrNotFound, 429: upstream.ErrThrottled,
	}
	for status := 300; status < 600; status++ {
		a := response{status: status, header: http.Header{"Request-Id": {"of the header"}, "Retry-After": {"9"}},
			body: `{"error":{"code":"c","innerError":{"request-id":"of the body"}}}`}
		failure := a.failure(userEndpoint)
		want, known := kinds[status]
		if !known {
			want = upstream.ErrUnavailable
		}
		if failure == nil || !errors.Is(failure, want) {
			t.Fatalf("%d: %v, want %v", status, failure, want)
		}
		if failure.Code != "c" || failure.RequestID != "of the header" || failure.RetryAfter != 9*time.Second || failure.Retryable != retryable(status) {
			t.Errorf("%d: %+v", status, failure)
		}
		if (failure.Permission == "User.Read.All") != (status == 403) {
			t.Errorf("%d: permission %q", status, failure.Permission)
		}
	}
	for status := 200; status < 300; status++ {
		a := response{status: status}
		if failure := a.failure(usersEndpoint); failure != nil {
			t.Errorf("%d: %v", status, failure)
		}
	}
}

// TestPermissions tests that each endpoint has a permission.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{
		assignmentErrorsEndpoint, assignmentErrorEndpoint, assigneeOfErrorEndpoint, usageRightOfErrorEndpoint, assignmentErrorsOfUserEndpoint,
		usersEndpoint, userEndpoint, groupsEndpoint, groupEndpoint,
		directoryObjectsByIDsEndpoint, subscribedSkusEndpoint,
	} {
		if permissions[endpoint] == "" {
			t.Errorf("%s has no permission", endpoint)
		}
	}
}
