package webhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestBrokenRequestsOnTheWire sends requests that two servers might read differently. However ours
// reads them, nothing unsigned is kept, and the only 5xx it answers is the 501
// of net/http for an unknown transfer coding (RFC 9112, 6.1).
func TestBrokenRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	good := raw(schemes[0], opened)
	head, _, _ := strings.Cut(good, "\r\n\r\n")
	swap := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	length := fmt.Sprintf("Content-Length: %d\r\n", len(opened))
	unsigned := "POST /webhooks/standard/gift-events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	serving(t, l, s, discard, func() {
		for _, tt := range []struct {
			name, text string
			kept       int
		}{
			{"good", good, 1},
			{"two in a row", good + swap("POST", "POST"), 1}, // the second is a repetition
			{"length and chunks", swap(length, "Transfer-Encoding: chunked\r\n"+length), 0},
			{"chunks that hide a request", strings.Replace(head, length, "Transfer-Encoding: chunked\r\n"+length, 1) + "\r\n\r\n0\r\n\r\n" + unsigned, 0},
			{"length that hides a request", swap(length, "Content-Length: 0\r\n") + unsigned, 0},
			{"two lengths", swap(length, length+"Content-Length: 5\r\n"), 0},
			{"length with a sign", swap(length, strings.Replace(length, ": ", ": +", 1)), 0},
			{"negative length", swap(length, "Content-Length: -1\r\n"), 0},
			{"bad chunk size", swap(length, "Transfer-Encoding: chunked\r\n") + "\r\n", 0},
			{"endless chunk size", strings.Replace(head, length, "Transfer-Encoding: chunked\r\n", 1) + "\r\n\r\nffffffffffffffffff\r\n", 0},
			{"unknown coding", swap(length, "Transfer-Encoding: xchunked\r\n"), 0},
			{"two codings", swap(length, "Transfer-Encoding: gzip, chunked\r\n"), 0},
			{"space before the colon", swap("Content-Length:", "Content-Length :"), 0},
			{"folded header", swap("Webhook-Id: ", "X-Fold: a\r\n b\r\nWebhook-Id: x"), 0},
			{"bare CR", swap("Webhook-Id: ", "X-Bare: a\rb\r\nWebhook-Id: x"), 0},
			{"NUL in a header", swap("Webhook-Id: ", "Webhook-Id: \x00"), 0},
			{"no host", swap("Host: sync.example.com\r\n", ""), 0},
			{"large header", swap("Webhook-Id: ", "X-Large: "+strings.Repeat("x", 32<<10)+"\r\nWebhook-Id: "), 0},
			{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + good, 0},
			{"options of everything", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0},
			{"trace", strings.Replace(good, "POST", "TRACE", 1), 0},
			{"short body", good[:len(good)-1], 0},
			{"noise", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0},
		} {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, tt.text)
			_ = c.(*net.TCPConn).CloseWrite()
			for answers := bufio.NewReader(c); ; {
				res, err := http.ReadResponse(answers, &http.Request{Method: http.MethodPost})
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, res.Body)
				if res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented && res.StatusCode != http.StatusHTTPVersionNotSupported {
					t.Errorf("%s: answered %s", tt.name, res.Status)
				}
			}
			c.Close()
			if n := len(s.inboxes["standard"].take()); n != tt.kept {
				t.Errorf("%s: %d events kept, want %d", tt.name, n, tt.kept)
			}
		}
	})
}
