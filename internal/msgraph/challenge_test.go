package msgraph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	std, raw := base64.StdEncoding.EncodeToString([]byte(nbf)), base64.RawURLEncoding.EncodeToString([]byte(nbf))
	wanted := `Bearer error="insufficient_claims", claims="` + std + `"`
	odd := `{"a":{"value":"??>>~~"}}` // its base64 has both of the letters in which the alphabets differ
	for _, tt := range []struct {
		name   string
		header []string
		want   string
	}{
		{"none", nil, ""},
		{"as the service writes it", []string{`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="` + std + `"`}, nbf},
		{"short", []string{wanted}, nbf},
		{"other case", []string{`BEARER ERROR=insufficient_claims,CLAIMS="` + std + `"`}, nbf},
		{"no quotes, no padding", []string{`Bearer error=insufficient_claims,claims=` + raw}, nbf},
		{"blanks around =", []string{`Bearer  error = "insufficient_claims" ,, claims = "` + std + `" ,`}, nbf},
		{"escaped", []string{`Bearer realm="a\"b, c\\", error="insufficient_claims", claims="` + std + `"`}, nbf},
		{"url alphabet", []string{`Bearer error="insufficient_claims", claims="` + base64.URLEncoding.EncodeToString([]byte(odd)) + `"`}, odd},
		{"usual alphabet", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(odd)) + `"`}, odd},
		{"second header", []string{"Basic", wanted}, nbf},
		{"second challenge", []string{`Basic realm="x", ` + wanted}, nbf},
		{"before another challenge", []string{wanted + `, Basic realm="x", Negotiate`}, nbf},

		{"no error", []string{`Bearer claims="` + std + `"`}, ""},
		{"another error", []string{`Bearer error="invalid_token", claims="` + std + `"`}, ""},
		{"another scheme", []string{`PoP error="insufficient_claims", claims="` + std + `"`}, ""},
		{"parameters of another scheme", []string{`Bearer error="insufficient_claims", Basic claims="` + std + `"`}, ""},
		{"inside a text", []string{`Basic realm="Bearer error=insufficient_claims, claims=` + raw + `"`}, ""},
		{"no scheme", []string{`error="insufficient_claims", claims="` + std + `"`}, ""},
		{"twice", []string{`Bearer error="insufficient_claims", claims="` + std + `", claims="` + std + `"`}, ""},
		{"no end", []string{`Bearer error="insufficient_claims", claims="` + std}, ""},
		{"rubbish behind", []string{wanted + ` x"`}, ""},
		{"control letter", []string{"Bearer error=\"insufficient_claims\", claims=\"" + std + "\x01\""}, ""},
		{"no base64", []string{`Bearer error="insufficient_claims", claims="%%%"`}, ""},
		{"no JSON", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte("nbf")) + `"`}, ""},
		{"no object", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte("[1]")) + `"`}, ""},
		{"empty", []string{`Bearer error="insufficient_claims", claims=""`}, ""},
		{"long claims", []string{`Bearer error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(`{"a":"`+strings.Repeat("x", maxClaims)+`"}`)) + `"`}, ""},
		{"long header", []string{`Bearer realm="` + strings.Repeat("x", maxChallenge) + `", error="insufficient_claims", claims="` + std + `"`}, ""},
	} {
		if got := claimsChallenge(http.Header{"Www-Authenticate": tt.header}); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// FuzzClaimsChallenge tests that the returned claims are a JSON object of limited size from the header.
func FuzzClaimsChallenge(f *testing.F) {
	f.Add(`Bearer realm="", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(nbf)) + `"`)
	f.Add(`Basic realm="a\"b", Bearer error=insufficient_claims,claims=e30, Negotiate abc==`)
	f.Add(`Bearer error="insufficient_claims", claims="eyJhIjoxfQ"`)
	f.Fuzz(func(t *testing.T, header string) {
		claims := claimsChallenge(http.Header{"Www-Authenticate": {header}})
		if claims == "" {
			return
		}
		var members map[string]any
		if json.Unmarshal([]byte(claims), &members) != nil || len(members) == 0 || len(claims) > maxClaims {
			t.Errorf("%q: %q", header, claims)
		}
		if !strings.Contains(header, "insufficient_claims") && !strings.Contains(header, `\`) {
			t.Errorf("%q has no challenge: %q", header, claims)
		}
	})
}
