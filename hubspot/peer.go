package hubspot

import (
	"crypto/tls"
	"net/http"
	"time"
)

// A Peer is what the last answer told of the server that gave it, whatever it
// answered.
type Peer struct {
	Sent, Received time.Time            // when the request was begun and the answer had come, by our clock
	Date           time.Time            // its clock between the two, cut to seconds; zero when it did not say
	TLS            *tls.ConnectionState // nil on plain HTTP, which does not leave this machine
}

// Peer returns what the last answer told of the server. It is zero before the
// first answer.
func (c *Client) Peer() Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// meet notes who has answered.
func (c *Client) meet(sent time.Time, res *http.Response) {
	p := Peer{Sent: sent, Received: time.Now(), TLS: res.TLS}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		p.Date = date
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = p
}
