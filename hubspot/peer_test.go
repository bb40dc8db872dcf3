package hubspot

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// TestPeer: every answer, also a refusal, shows the server's clock and how the
// server identified itself.
func TestPeer(t *testing.T) {
	t.Parallel()
	date := "Sun, 01 Mar 2026 12:00:00 GMT"
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date)
		reply(w, http.StatusForbidden, problem("MISSING_SCOPES"))
	}))
	defer srv.Close()
	c, err := New(Config{
		BaseURL: srv.URL, Transport: srv.Client().Transport,
		Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "pat-test"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Peer(); !p.Received.IsZero() {
		t.Errorf("peer %+v before the first answer", p)
	}
	before := time.Now()
	_, err = c.Account(t.Context())
	checkKind(t, err, Forbidden)
	p := c.Peer()
	if want := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC); !p.Date.Equal(want) {
		t.Errorf("date %v, want %v", p.Date, want)
	}
	if p.Sent.Before(before) || p.Received.Before(p.Sent) || time.Now().Before(p.Received) {
		t.Errorf("sent %v, received %v", p.Sent, p.Received)
	}
	if p.TLS == nil || p.TLS.Version != tls.VersionTLS13 || !p.TLS.PeerCertificates[0].Equal(srv.Certificate()) {
		t.Errorf("TLS %+v, want the server's certificate", p.TLS)
	}
	date = "yesterday"
	_, _ = c.Account(t.Context()) // refused as before
	if p := c.Peer(); !p.Date.IsZero() {
		t.Errorf("date %v of a header that is none", p.Date)
	}
}

// TestPeerUntrusted: the reason is to be found in the error.
func TestPeerUntrusted(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	c, err := New(Config{BaseURL: srv.URL, Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "pat-test"})})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.retries.tokens = 0
	_, err = c.Account(t.Context())
	var e *tls.CertificateVerificationError
	if !errors.As(err, &e) || !c.Peer().Received.IsZero() {
		t.Errorf("error %v, peer %+v; want an untrusted certificate and no peer", err, c.Peer())
	}
}
