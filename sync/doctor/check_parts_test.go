package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
)

// TestSkew: an answer's clock stands between its request and its receipt.
func TestSkew(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		sent, received time.Duration
		want           time.Duration
	}{
		{0, 0, 0},
		{-10 * time.Second, 40 * time.Second, 0}, // a slow answer
		{900 * time.Millisecond, time.Second, 0}, // the seconds are cut
		{61 * time.Second, 62 * time.Second, time.Minute},
		{-62 * time.Second, -time.Minute, -time.Minute},
	} {
		if got := skewOf(hubspot.Peer{Sent: at.Add(tt.sent), Received: at.Add(tt.received), Date: at}); got != tt.want {
			t.Errorf("sent %v, received %v: %v, want %v", tt.sent, tt.received, got, tt.want)
		}
	}
}

// TestCertificate: what is said of a server's certificate.
func TestCertificate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	until := func(d time.Duration) hubspot.Peer {
		return hubspot.Peer{Received: now, Date: now, TLS: &tls.ConnectionState{
			Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{{NotAfter: now.Add(d)}},
		}}
	}
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	for _, tt := range []struct {
		name   string
		peer   hubspot.Peer
		err    error
		level  Level
		says   string
		clocks int
	}{
		{"sound", until(90 * 24 * time.Hour), nil, OK, "TLS 1.3, certificate valid until 2026-05-30", 1},
		{"sound, though the call failed", until(90 * 24 * time.Hour), &hubspot.Error{Kind: hubspot.Unauthorised, Status: 401}, OK, "TLS 1.3", 1},
		{"ends soon", until(13 * 24 * time.Hour), nil, Warn, "2026-03-14", 1},
		{"loopback", hubspot.Peer{Received: now, Date: now}, nil, OK, "does not leave this machine", 1},
		{"not trusted", hubspot.Peer{}, &hubspot.Error{Kind: hubspot.Transient, Err: untrusted}, Fail, "not trusted: x509: certificate signed by unknown authority", 0},
		{"no answer", hubspot.Peer{}, &hubspot.Error{Kind: hubspot.Transient}, Warn, "not examined", 0},
	} {
		x := &examination{cfg: &giftsync.Config{Portal: "acme"}, view: giftsync.View{Started: now}}
		x.examineServer(checkHubSpotTLS, "HubSpot", tt.peer, tt.err)
		f := x.findings[0]
		if f.Level != tt.level || !strings.Contains(f.What, tt.says) || len(x.clocks) != tt.clocks || f.Level != OK && f.Level != Warn && f.Remedy == "" {
			t.Errorf("%s: %+v, %d clocks; want %s, %q, %d", tt.name, f, len(x.clocks), tt.level, tt.says, tt.clocks)
		}
	}
}

// TestSurveyIsBounded: senders beyond the bound are not distinguished, and only
// the first are listed.
func TestSurveyIsBounded(t *testing.T) {
	t.Parallel()
	s := &survey{senders: true, strangers: make(map[string]int)}
	for i := range maxSenders + 5 {
		s.addStranger(fmt.Sprintf("s%05d@example.com", i))
	}
	s.addStranger("s00007@example.com")
	if len(s.strangers) != maxSenders || !s.more || s.strangers["s00007@example.com"] != 2 {
		t.Errorf("%d strangers, more %v", len(s.strangers), s.more)
	}
	x := &examination{cfg: &giftsync.Config{Portal: "acme"}}
	x.examineSenders(s, true)
	what := x.findings[0].What
	if !strings.HasPrefix(what, "more than 10000 senders") || !strings.Contains(what, ": s00007@example.com, s00000@") || !strings.HasSuffix(what, " and 9980 more") {
		t.Errorf("says %q", what)
	}
}

// TestSampleIsSpread: a hundred records from all over the journal, none of
// them deleted.
func TestSampleIsSpread(t *testing.T) {
	t.Parallel()
	st, err := store.Open(filepath.Join(t.TempDir(), "state", "acme.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var c store.Commit
	for i := range 1050 {
		s := plan.Stored{ObjectID: fmt.Sprint(i), Gift: plan.Gift{ID: fmt.Sprintf("T-%04d", i)}}
		if i%3 == 0 {
			s.Deleted = time.Now()
		}
		if c.Gifts = append(c.Gifts, s); len(c.Gifts) == 500 || i == 1049 {
			if err := st.Commit(c); err != nil {
				t.Fatal(err)
			}
			c = store.Commit{}
		}
	}
	s, err := surveyJournal(context.Background(), st, func(string) string { return "" })
	if err != nil || len(s.sample) != 100 {
		t.Fatalf("%d records, error %v; want 100", len(s.sample), err)
	}
	if last := s.sample[99].Gift.ID; last < "T-0980" {
		t.Errorf("the last of the sample is %s of 1,050", last)
	}
	if slices.ContainsFunc(s.sample, func(s plan.Stored) bool { return !s.Deleted.IsZero() }) {
		t.Error("a deleted record is in the sample")
	}
}
