package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFormsOfRequests sends what proxies and servers may read differently, and what is
// meant to hold a connection: each is refused, or answered and the connection closed, so
// that nothing which follows is taken for another's request.
func TestFormsOfRequests(t *testing.T) {
	t.Parallel()
	const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	chunked := func(head, body string) string {
		head = strings.Replace(head, "\r\nContent-Length: ", "\r\nX-Was: ", 1)
		return strings.Replace(head, "\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1) + body
	}
	for name, tt := range map[string]struct {
		text    func(head string) string
		answers []int // 0 for any of 4xx and 5xx
	}{
		"two lengths": {func(h string) string {
			return strings.Replace(h, "\r\n", "\r\nContent-Length: 1\r\n", 1) + opened + hidden
		}, []int{400}},
		"two lengths in one": {func(h string) string {
			return strings.Replace(h, "Content-Length: ", "Content-Length: 1, ", 1) + opened + hidden
		}, []int{400}},
		"length with a sign": {func(h string) string {
			return strings.Replace(h, "Content-Length: ", "Content-Length: +", 1) + opened + hidden
		}, []int{400}},
		"length and good chunks": {func(h string) string {
			return strings.Replace(h, "\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1) + fmt.Sprintf("%x\r\n", len(opened)) + opened + "\r\n0\r\n\r\n" + hidden
		}, []int{200}},
		"length and chunks": {func(h string) string {
			return strings.Replace(h, "\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1) + "0\r\n\r\n" + hidden
		}, []int{0}},
		"chunks alone": {func(h string) string { return chunked(h, "0\r\n\r\n") + hidden }, []int{0}},
		"chunks, good": {func(h string) string {
			return chunked(h, "1\r\n"+opened[:1]+"\r\n"+fmt.Sprintf("%x", len(opened)-1)+"\r\n"+opened[1:]+"\r\n0\r\n\r\n") + hidden
		}, []int{200}},
		"chunks, twice": {func(h string) string {
			return strings.Replace(h, "\r\n", "\r\nTransfer-Encoding: chunked, chunked\r\n", 1) + hidden
		}, []int{501}},
		"chunks, hidden": {func(h string) string {
			return strings.Replace(h, "\r\n", "\r\nTransfer-Encoding: xchunked\r\n", 1) + hidden
		}, []int{501}},
		"blank before colon": {func(h string) string {
			return strings.Replace(h, "Content-Length:", "Content-Length :", 1) + opened + hidden
		}, []int{400}},
		"folded header":   {func(h string) string { return strings.Replace(h, "\r\n", "\r\nX-A: a\r\n b: c\r\n", 1) + opened }, []int{200}},
		"bare line feeds": {func(h string) string { return "GET / HTTP/1.1\nHost: x\n\n" }, []int{405}},
		"HTTP/2 at once":  {func(string) string { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }, []int{0}},
		"upgrade to HTTP/2": {func(h string) string {
			return strings.Replace(h, "\r\n", "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", 1) + opened
		}, []int{200}},
		"HTTP/1.0 that stays": {func(h string) string {
			return strings.Replace(strings.Replace(h, "HTTP/1.1", "HTTP/1.0", 1), "\r\n", "\r\nConnection: keep-alive\r\n", 1) + opened
		}, []int{200}},
		"continue, no body":    {func(h string) string { return strings.Replace(h, "\r\n", "\r\nExpect: 100-continue\r\n", 1) }, []int{100, 408}},
		"expects something":    {func(h string) string { return strings.Replace(h, "\r\n", "\r\nExpect: gold\r\n", 1) + opened }, []int{417}},
		"header of 32 KiB":     {func(h string) string { return "GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 32<<10) }, []int{431}},
		"thousands of headers": {func(h string) string { return "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 8<<10) }, []int{431}},
		"tiny chunks for ever": {func(h string) string {
			return chunked(h, strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\n \r\n", 1<<14))
		}, []int{0}},
		"no host":               {func(string) string { return "GET / HTTP/1.1\r\n\r\n" + hidden }, []int{400}},
		"two hosts":             {func(string) string { return "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + hidden }, []int{400}},
		"another host's path":   {func(string) string { return "GET http://y/webhooks HTTP/1.1\r\nHost: x\r\n\r\n" }, []int{405}},
		"a tunnel":              {func(string) string { return "CONNECT y:443 HTTP/1.1\r\nHost: y:443\r\n\r\n" }, []int{405}},
		"a trace":               {func(string) string { return "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n" }, []int{405}},
		"options of the server": {func(string) string { return "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" }, []int{405}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, l := newSite(t), newSwitchboard()
				serving(t, l, s, discard, func() {
					began := time.Now()
					c := l.dial("192.0.2.1:1")
					head := strings.TrimSuffix(raw(schemes[0], opened), opened)
					go io.WriteString(c, tt.text(head))
					var got []int
					answers := bufio.NewReader(c)
					for {
						res, err := http.ReadResponse(answers, nil)
						if err != nil {
							break
						}
						_, _ = io.Copy(io.Discard, res.Body)
						got = append(got, res.StatusCode)
					}
					c.Close()
					if took := time.Since(began); took > 31*time.Second {
						t.Errorf("held for %v", took)
					}
					for i, status := range got {
						if i >= len(tt.answers) || tt.answers[i] != status && (tt.answers[i] != 0 || status < 400) {
							t.Errorf("answered %v, want %v", got, tt.answers)
							break
						}
					}
					if len(got) < len(tt.answers) {
						t.Errorf("answered %v, want %v", got, tt.answers)
					}
				})
			})
		})
	}
}
