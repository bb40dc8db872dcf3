package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestNotices: the daemon tells Slack that the backfill has finished, that the portal needs
// attention, and that it is well again, once each, over a restart too.
func TestNotices(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var posted []string
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		posted = append(posted, string(body))
	}))
	t.Cleanup(slack.Close)
	heard := func(what string) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range posted {
			if strings.Contains(p, what) {
				n++
			}
		}
		return n
	}
	gate := newTurnstile(20)
	c := newTown(t, 600, gate.before)
	if err := writeConfig(c.dir, c.hubspotURL, c.thnksURL, "admin_listen: "+freeAddress()+"\nnotices: {slack_url_file: slack-url}"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "slack-url"), []byte(slack.URL+"/services/T0-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, d := startDaemonIn(t, c)
	<-gate.reached // the backfill is under way, and the notifier looks
	await(t, "it is noted that the backfill has not finished", func() bool {
		_, err := os.Stat(filepath.Join(c.dir, "state", "notices"))
		return err == nil
	})
	close(gate.open)
	await(t, "there is a notice of the end of the backfill", func() bool { return heard("the first backfill has finished") == 1 })
	if heard("600 gifts are in HubSpot") != 1 {
		t.Errorf("posted %q", posted)
	}

	c.portal.SetToken("another")
	if err := c.command("sync", "--reassociate=all").Run(); err == nil {
		t.Error("a sync with a revoked token ended well")
	}
	await(t, "there is a notice of the fault", func() bool { return heard("Portal acme needs attention") == 1 })
	await(t, "it is noted that the fault was sent", func() bool { // else it is sent again after the restart
		text, err := os.ReadFile(filepath.Join(c.dir, "state", "notices"))
		return err == nil && strings.Contains(string(text), "faults")
	})
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
	p, d = startDaemonIn(t, c)
	if err := c.command("sync", "--reassociate=all").Run(); err == nil {
		t.Error("a sync with a revoked token ended well")
	}
	c.portal.SetToken(worldToken)
	await(t, "the portal is ready", func() bool {
		_ = c.command("sync", "--reassociate=all").Run()
		all, err := d.Status(t.Context())
		return err == nil && all[0].Ready
	})
	if out, err := c.command("sync").CombinedOutput(); err != nil { // a pass
		t.Fatalf("sync: %v\n%s", err, out)
	}
	await(t, "there is a notice of the recovery", func() bool { return heard("Portal acme is well again") == 1 })
	if n := heard(""); n != 3 {
		t.Errorf("%d notices: %q", n, posted)
	}
	if p.said("T0-secret") {
		t.Error("the log has the webhook's address")
	}
}
