package thnksapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestPeer: the last answer shows the server's clock and certificate.
func TestPeer(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(thnksapitest.New(thnksapitest.Options{}))
	defer srv.Close()
	c, err := thnksapi.New(thnksapi.Config{BaseURL: srv.URL, Key: "key", Dialect: thnksapi.DefaultDialect(), Transport: srv.Client().Transport.(*http.Transport)})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Peer(); !p.Received.IsZero() {
		t.Errorf("peer %+v before the first answer", p)
	}
	if _, err := c.Transactions(t.Context(), thnksapi.Query{}); err != nil {
		t.Fatal(err)
	}
	p := c.Peer()
	if p.Received.Before(p.Sent) || p.Date.Before(p.Sent.Add(-time.Second)) || p.Date.After(p.Received) {
		t.Errorf("sent %v, date %v, received %v", p.Sent, p.Date, p.Received)
	}
	if p.TLS == nil || !p.TLS.PeerCertificates[0].Equal(srv.Certificate()) {
		t.Errorf("TLS %+v, want the server's certificate", p.TLS)
	}
}
