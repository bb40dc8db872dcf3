package hubspot

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// TestTokenAnswerBounds: an answer of the token endpoint that unpacks to millions of small
// values takes no memory, whichever request it answers.
func TestTokenAnswerBounds(t *testing.T) {
	elements := strings.Repeat("{},", 2<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		_, _ = io.WriteString(z, `{"access_token":"a","refresh_token":"r","hub_id":1,"scopes":[`+elements+`{}]}`)
	}))
	defer server.Close()
	app, err := NewApp(AppConfig{
		BaseURL: server.URL, ClientID: "id", ClientSecret: func() (Secret, error) { return SecretOf("secret"), nil },
		AuthorizeURL: "https://app.hubspot.test/oauth/authorize", RedirectURL: "https://sync.example.com/oauth/callback",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"exchange":   func() error { _, err := app.Exchange(t.Context(), "code", Secret{}); return err },
		"renew":      func() error { _, err := app.Renew(t.Context(), SecretOf("r")); return err },
		"introspect": func() error { _, err := app.Introspect(t.Context(), SecretOf("r")); return err },
		"revoke":     func() error { return app.Revoke(t.Context(), SecretOf("r")) },
		"uninstall":  func() error { return app.Uninstall(t.Context(), SecretOf("a")) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := call()
		runtime.ReadMemStats(&after)
		server := 16 << 20 // what the server itself needs for its answer
		if used := int(after.TotalAlloc - before.TotalAlloc); err == nil || used > server {
			t.Errorf("%s: %v, with %d MiB", name, err, used>>20)
		}
	}
}
