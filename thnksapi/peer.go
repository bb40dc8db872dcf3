package thnksapi

import (
	"crypto/tls"
	"net/http"
	"time"
)

// A Peer describes the server that gave the last answer, successful or not.
type Peer struct {
	Sent, Received time.Time            // when the request was begun and the answer had come, by our clock
	Date           time.Time            // its clock between the two, cut to seconds; zero without a Date header
	TLS            *tls.ConnectionState // nil on plain HTTP, which does not leave this machine
}

// Peer describes the server that gave the last answer. It is zero before the
// first answer.
func (c *Client) Peer() Peer {
	if p := c.peer.Load(); p != nil {
		return *p
	}
	return Peer{}
}

// notePeer records which server has answered.
func (c *Client) notePeer(sent time.Time, resp *http.Response) {
	p := Peer{Sent: sent, Received: time.Now(), TLS: resp.TLS}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		p.Date = date
	}
	c.peer.Store(&p)
}
