package admin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	giftsync "thnks-hubspot-sync/sync"
)

// TestGuessingOnAnyPage: wrong tokens count together wherever they are sent, in both ways
// to send one, and pages without recipients say nothing about a token. The right one is
// always taken.
func TestGuessingOnAnyPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := Pages(ready(giftsync.Status{Portal: "acme"}), PagesOptions{
			Token: adminToken, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metrics") }),
		})
		send := func(method, path, token string, basic bool) (int, string) {
			r := httptest.NewRequest(method, "http://127.0.0.1"+path, nil)
			r.RemoteAddr = "192.0.2.1:1"
			if r.Header.Set("Authorization", "Bearer "+token); basic {
				r.SetBasicAuth("ann", token)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		guarded := []string{"/", "/?part", "/stats.json", "/stats.json?portal=acme", "/stats.json?portal=nowhere", "/?from=x"}
		for i := range 30 {
			path, method := guarded[i%len(guarded)], []string{http.MethodGet, http.MethodHead}[i/2%2]
			want := http.StatusUnauthorized
			if i >= maxGuesses {
				want = http.StatusTooManyRequests
			}
			if code, _ := send(method, path, fmt.Sprint("guess", i), i%2 == 0); code != want {
				t.Errorf("wrong token %d, by %s on %s, is answered %d", i+1, method, path, code)
			}
			right, _ := send(method, path, adminToken, i%2 == 0)
			if right == http.StatusUnauthorized || right == http.StatusTooManyRequests {
				t.Errorf("the right token on %s is answered %d", path, right)
			}
		}
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/nowhere", "/stats.json/", "//stats.json", "/stats.csv"} {
			code, text := send(http.MethodGet, path, "guess", false)
			if again, same := send(http.MethodGet, path, adminToken, false); again != code || same != text || strings.Contains(text, "@") {
				t.Errorf("%s: %d and %d, by the token", path, code, again)
			}
		}
	})
}
