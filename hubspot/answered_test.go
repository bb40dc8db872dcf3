package hubspot

import (
	"fmt"
	"net/http"
	"reflect"
	"syscall"
	"testing"
	"testing/synctest"
)

// TestHookSeesEveryAnswer: the hook sees every request that was sent, with its answer's
// status, whatever the call made of it.
func TestHookSeesEveryAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []transportFunc
		want   []string
	}{
		{"a success", []transportFunc{body(http.StatusOK, "{}")}, []string{"other 200"}},
		{"part of a batch", []transportFunc{body(http.StatusMultiStatus, "{}")}, []string{"other 207"}},
		{"a refusal", []transportFunc{body(http.StatusBadRequest, "{}")}, []string{"other 400"}},
		{
			"retries",
			[]transportFunc{body(http.StatusTooManyRequests, "{}"), body(http.StatusBadGateway, "no"), body(http.StatusOK, "{}")},
			[]string{"other 429", "other 502", "other 200"},
		},
		{"no answer", []transportFunc{fails(syscall.ECONNRESET), body(http.StatusOK, "{}")}, []string{"other 0", "other 200"}},
		{"an unreadable body", []transportFunc{body(http.StatusOK, "<html>"), body(http.StatusOK, "{}")}, []string{"other 200", "other 200"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				c := clientOver(t, answers(tt.script...), func(cfg *Config) {
					cfg.Answered = func(class Class, status int) { got = append(got, fmt.Sprint(class, " ", status)) }
				})
				var out map[string]any
				_, _ = c.do(t.Context(), request{class: Other, method: http.MethodGet, path: "/crm/x", out: &out})
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("the hook saw %q, want %q", got, tt.want)
				}
				sent := 0
				for _, n := range c.Calls() {
					sent += n
				}
				if sent != len(got) {
					t.Errorf("%d requests were counted, and the hook saw %d", sent, len(got))
				}
			})
		})
	}
}
