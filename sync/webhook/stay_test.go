package webhook_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestOnlySendersStay checks that a connection stays open after a 200, and that
// every other answer closes it.
func TestOnlySendersStay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		request string
		edit    func(*inbox)
		stays   bool
	}{
		"good":          {request: raw(schemes[0], opened), stays: true},
		"no such path":  {request: strings.Replace(raw(schemes[0], opened), "/webhooks/", "/", 1)},
		"not a POST":    {request: "GET /webhooks/standard/gift-events HTTP/1.1\r\nHost: x\r\n\r\n"},
		"not JSON":      {request: strings.Replace(raw(schemes[0], opened), "application/json", "text/plain", 1)},
		"bad signature": {request: strings.Replace(raw(schemes[0], opened), "g-1", "g-2", 1)},
		"full":          {request: raw(schemes[0], opened), edit: func(b *inbox) { b.err = errors.New("disk gone") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if tt.edit != nil {
				tt.edit(s.inboxes["standard"])
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serving(t, l, s, discard, func() {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = io.WriteString(c, tt.request)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				wellFormed(t, res)
				if res.Close == tt.stays || (res.StatusCode == 200) != tt.stays {
					t.Errorf("%s, close %v", res.Status, res.Close)
				}
			})
		})
	}
}
