package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// An installation is a world whose runs a loop does.
type installation struct {
	*simulation.World
	schedule cron.Schedule
	offset   time.Duration
	meter    daemon.Meter // nil for none

	loop *daemon.Loop // of the present life
	log  simulation.LogBuffer
	st   *store.Store

	mu      sync.Mutex
	broken  func(*giftsync.Config) // spoils what Open gives; nil lets it be
	token   string                 // what the token file holds
	opening func() error           // fails Open; nil lets it be
	opens   int                    // calls of Open
	skew    time.Duration          // of the wall clock against the bubble's
	runs    []time.Time            // when passes ended well
	slots   []time.Time            // what was recorded of scheduled runs
	commit  func(giftsync.Journal, store.Commit) error
}

// newDaemon makes a daemon with 20 gifts to copy, in 4 windows.
func newDaemon(t *testing.T, spec string) *installation {
	t.Helper()
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		t.Fatal(err)
	}
	d := &installation{World: simulation.New(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 5}), schedule: schedule}
	d.Bounds.WindowRows = 5
	d.token = d.Portal.Token()
	d.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 20, Recipients: 10, End: time.Now().Add(-simulation.Day)}), 1)
	d.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return &ledger{j, d} }
	d.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
		token := d.token // Open holds mu
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.Header.Set("Authorization", "Bearer "+token)
			return next.RoundTrip(req)
		})
	}
	return d
}

// What the state file calls when the last run ended, and when the last scheduled
// one began.
const lastSync, lastSlot = "last_sync", "last_slot"

// watchEvery is how often the loop looks at the clock whatever the schedules say.
const watchEvery = 30 * time.Second

// errNoSecret is what Open says where a person is needed.
var errNoSecret = errors.New("token_file: no such file")

// begin makes the loop of a new life, as the program's start does.
func (d *installation) begin() {
	d.st = d.Open()
	d.loop = daemon.NewLoop(daemon.LoopConfig{
		Portal: "acme", Schedule: d.schedule, Offset: d.offset,
		Open: func(progress func(giftsync.Progress)) (*giftsync.Engine, error) {
			d.mu.Lock()
			d.opens++
			opening := d.opening
			d.mu.Unlock()
			if opening != nil { // it may take its time
				if err := opening(); err != nil {
					return nil, err
				}
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.Configure = func(c *giftsync.Config) {
				c.Progress = progress
				if d.broken != nil {
					d.broken(c)
				}
			}
			return d.Engine(d.st), nil
		},
		NeedsAdmin: func(err error) bool { return errors.Is(err, errNoSecret) },
		State:      func() (daemon.State, error) { return d.st, nil },
		Progress:   func(giftsync.Progress) {},
		Meter:      d.meter,
		Logger:     d.Watched(slog.NewTextHandler(&d.log, nil)),
		Now: func() time.Time {
			d.mu.Lock()
			defer d.mu.Unlock()
			return time.Now().Add(d.skew)
		},
	})
}

// start begins a life and keeps the loop until the function it returns is
// called, which says how long the end took.
func (d *installation) start() (stop func() time.Duration) {
	d.begin()
	return d.keep(d.loop)
}

func (d *installation) keep(loops ...*daemon.Loop) (stop func() time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		daemon.RunAll(ctx, loops, d.Watched(slog.DiscardHandler))
	}()
	return func() time.Duration {
		asked := time.Now()
		cancel()
		<-ended
		took := time.Since(asked)
		d.st.Close()
		if d.T.Failed() {
			d.T.Log(d.log.String())
		}
		return took
	}
}

// set changes what the daemon meets.
func (d *installation) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// passed returns how many passes have ended well.
func (d *installation) passed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.runs)
}

func (d *installation) opened() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opens
}

// A ledger notes which runs ended, by what they leave in the journal.
type ledger struct {
	giftsync.Journal
	d *installation
}

func (l *ledger) Commit(c store.Commit) error {
	l.d.mu.Lock()
	commit := l.d.commit
	l.d.mu.Unlock()
	if commit == nil {
		commit = giftsync.Journal.Commit
	}
	if err := commit(l.Journal, c); err != nil {
		return err
	}
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if c.Meta[lastSync] != nil {
		l.d.runs = append(l.d.runs, time.Now())
	}
	if slot := c.Meta[lastSlot]; slot != nil {
		var at time.Time
		if err := json.Unmarshal(slot, &at); err != nil {
			return err
		}
		l.d.slots = append(l.d.slots, at)
	}
	return nil
}

// slow makes every commit of gifts take so long.
func slow(d time.Duration) func(giftsync.Journal, store.Commit) error {
	return func(j giftsync.Journal, c store.Commit) error {
		if len(c.Gifts) > 0 {
			time.Sleep(d)
		}
		return j.Commit(c)
	}
}
