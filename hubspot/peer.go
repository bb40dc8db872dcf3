package hubspot

import (
	"crypto/tls"
	"net/http"
	"time"
)

// A Peer describes the server that sent the last answer, whatever its status.
type Peer struct {
	Sent, Received time.Time            // when the request started and the answer arrived, by our clock
	Date           time.Time            // the server's clock between the two, truncated to seconds; zero if it sent none
	TLS            *tls.ConnectionState // nil on plain HTTP, which is for loopback only
}

// Peer describes the server by its last answer. It is zero before the first
// answer.
func (c *Client) Peer() Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// recordPeer stores which server has answered.
func (c *Client) recordPeer(sent time.Time, res *http.Response) {
	p := Peer{Sent: sent, Received: time.Now(), TLS: res.TLS}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		p.Date = date
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = p
}
