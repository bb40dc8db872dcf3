package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	giftsync "thnks-hubspot-sync/sync"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// newHookTown is a town whose Thnks signs events, which the daemon listens for
// at url.
func newHookTown(t testing.TB, transactions int) (c *town, url string) {
	t.Helper()
	listen := freeAddress()
	c = newTown(t, transactions, nil)
	config := filepath.Join(c.dir, "config.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("listen: 127.0.0.1:0"), []byte("listen: "+listen), 1)
	text = bytes.Replace(text, []byte("token_file: hubspot-token"), []byte("token_file: hubspot-token, requests_per_10s: 104"), 1)
	text = append(text, "    webhooks: {gift-events: {scheme: standard, secret_files: [gift-events]}}\n"...)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "gift-events"), []byte(worldHookSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, "http://" + listen + "/webhooks/acme/gift-events"
}

// allSent puts every gift into the first status, so that a claim of any other
// is news.
func (c *town) allSent() []string {
	ids := c.thnks.IDs()
	for _, id := range ids {
		c.thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Status = "sent" })
	}
	return ids
}

// A delivery is one event that was sent.
type delivery struct {
	id string
	at time.Time
}

// TestKillWebhooks kills the daemon with SIGKILL again and again while events
// pour in. In the end every event that was acknowledged is in the state file,
// and what it claimed in HubSpot. THNKS_HOOK_KILLS makes it longer; every 200
// kills begin with a new state file. THNKS_KILL_SEED has events about the same gifts
// and as many acknowledgements awaited before each kill; what else the processes
// have come to by then differs.
func TestKillWebhooks(t *testing.T) {
	t.Parallel()
	kills, seed := fromEnv(t, "THNKS_HOOK_KILLS", 12), killSeed(t)
	var acknowledged atomic.Int64
	t.Run("town", func(t *testing.T) {
		for left := kills; left > 0; left -= killsATown {
			t.Run(strconv.Itoa(left), func(t *testing.T) {
				t.Parallel()
				acknowledged.Add(int64(killWebhooks(t, min(left, killsATown), seed+uint64(left))))
			})
		}
	})
	t.Logf("killed %d times; %d events were acknowledged", kills, acknowledged.Load())
}

// killsATown bounds the events that pile up while no daemon lives long enough
// to work them off.
const killsATown = 200

// killWebhooks is TestKillWebhooks for one state file. It returns how many events
// were acknowledged.
func killWebhooks(t *testing.T, kills int, seed uint64) int {
	const senders, most = 8, 60
	c, url := newHookTown(t, 400)
	address := strings.Split(url, "/")[2]
	ids := c.allSent()
	if out, err := c.command("sync", "--backfill").CombinedOutput(); err != nil {
		t.Fatalf("backfill: %v\n%s", err, out)
	}

	var mu sync.Mutex
	acknowledged := make(map[delivery]bool)
	listening := make(chan struct{}) // closed while a daemon lives that takes events
	wait := func(ctx context.Context) {
		mu.Lock()
		up := listening
		mu.Unlock()
		select {
		case <-up:
		case <-ctx.Done():
		}
	}
	news := make(chan struct{}, 1_000_000) // one for each acknowledgement
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sending sync.WaitGroup
	for i := range senders {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		sending.Go(func() {
			for wait(ctx); ctx.Err() == nil; wait(ctx) {
				e := delivery{ids[rng.IntN(len(ids))], time.Now().UTC().Truncate(time.Millisecond)}
				status, err := sendEvent(url, worldHookSecret, e.id, "opened", e.at)
				switch {
				case err != nil: // no process there, or killed before the answer
				case status == http.StatusOK:
					mu.Lock()
					acknowledged[e] = true
					mu.Unlock()
					news <- struct{}{}
				case status != http.StatusServiceUnavailable:
					t.Errorf("answered %d", status)
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(seed, senders))
	for range kills {
		p := start(t, c.command("run"))
		await(t, "the daemon listens", func() bool {
			conn, err := net.Dial("tcp", address)
			return err == nil && conn.Close() == nil
		})
		close(listening)
		for n := 1 + rng.IntN(most); n > 0; n-- {
			select {
			case <-news:
			case <-time.After(patience):
				t.Fatalf("nothing was acknowledged for %v:\n%s", patience, p.text.String())
			}
		}
		_ = p.Process.Kill()
		mu.Lock()
		listening = make(chan struct{})
		mu.Unlock()
		_ = p.Wait()
	}
	stop()
	sending.Wait()
	c.settle(t)

	kept := make(map[delivery]bool)
	for _, e := range c.events(t) {
		kept[delivery{e.TransactionID, e.At}] = true
	}
	for e := range acknowledged {
		if !kept[e] {
			t.Errorf("an event of %s was acknowledged and is not in the state file", e.id)
		}
		found := c.portal.Find(sandboxObject, "thnks_transaction_id", e.id)
		if len(found) != 1 || found[0].Properties["status"] != "opened" {
			t.Errorf("%s was acknowledged as opened, and HubSpot shows %v", e.id, found)
		}
	}
	return len(acknowledged)
}

// settle lets a daemon process what is in the inbox, and ends it well.
func (c *town) settle(t testing.TB) {
	t.Helper()
	p, d := startDaemonIn(t, c)
	await(t, "all events are processed", func() bool {
		list, err := d.Events(t.Context(), "acme", giftsync.EventQuery{Limit: 1})
		return err == nil && list.Counts["pending"] == 0 && list.Counts["waiting"] == 0
	})
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
}

// events returns every event in the state file, which it checks.
func (c *town) events(t testing.TB) []giftsync.EventRecord {
	t.Helper()
	st, err := store.Open(filepath.Join(c.dir, "state", "acme.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
	list, err := giftsync.ListEvents(t.Context(), "acme", st, giftsync.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Events
}
