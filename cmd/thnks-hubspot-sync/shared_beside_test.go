package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
)

// TestBesideEachOther: portals that begin at once share what they have in common.
// The race detector judges as well.
func TestBesideEachOther(t *testing.T) {
	t.Parallel()
	p := configs.DefaultPortal()
	p.Name, p.HubSpot.App, p.HubSpot.BaseURL = "a", "app", "https://api.hubapi.com"
	cfg := &configs.Config{StateDir: t.TempDir(), Portals: []configs.Portal{p}}
	accounts, keys, lists, own := new(paces), new(keyPaces), &erasedLists{cfg: cfg}, &owners{cfg: cfg}
	connected := 0
	shared := &sharedClient{connect: func(*store.Store) (*portal, error) {
		connected++
		return &portal{hubspot: new(hubspot.Client)}, nil
	}}
	file := new(store.Store)
	var out bytes.Buffer
	bottom := newLive(&out, func() int { return 60 })
	log := slog.New(slog.NewTextHandler(bottom, nil))
	held := &grants{
		cfg:      &configs.Config{PublicURL: "https://sync.example.com", HubSpotApps: []configs.App{{Name: "app", ClientID: "id", AuthorizeURL: "https://app.hubspot.com/oauth/authorize"}}},
		answered: func(string) func(hubspot.Class, int) { return nil }, log: slog.New(slog.DiscardHandler),
	}
	progress := logged(slog.New(slog.DiscardHandler), time.Second)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() { accounts.shared(p.HubSpot, "7", "token") })
		done.Go(func() { keys.shared("https://thnks.test", "key") })
		done.Go(func() { lists.of("a") })
		done.Go(func() {
			if err := own.own(p, "7", false); err != nil {
				t.Error(err)
			}
		})
		done.Go(func() {
			if _, err := shared.of(file); err != nil {
				t.Error(err)
			}
		})
		done.Go(func() {
			if _, err := held.hold(p, file); err != nil {
				t.Error(err)
			}
		})
		for _, call := range []func(){
			func() { bottom.begin("a") },
			func() { bottom.progress(giftsync.Progress{Portal: "a"}) },
			func() { log.Info("a line") },
			func() { bottom.end("a") },
		} {
			done.Go(func() {
				for range 20 {
					call()
					runtime.Gosched()
				}
			})
		}
		done.Go(func() { progress(giftsync.Progress{Portal: "a", Mode: giftsync.Backfill}) })
	}
	done.Wait()
	done.Go(func() { log.Info("the last line") })
	bottom.close()
	done.Wait()
	if connected != 1 {
		t.Errorf("%d clients were made for one state file", connected)
	}
}

// TestOwnersBesideEachOther: of portals that come to one account and object at once, one has
// it, and the others are told so.
func TestOwnersBesideEachOther(t *testing.T) {
	t.Parallel()
	for range 30 {
		dir := t.TempDir()
		var portals []configs.Portal
		for _, name := range strings.Split("abcdefgh", "") {
			p := configs.DefaultPortal()
			p.Name, p.HubSpot.BaseURL = name, "https://api.hubapi.com"
			portals = append(portals, p)
			if err := os.WriteFile(filepath.Join(dir, name+".db"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		own := &owners{cfg: &configs.Config{StateDir: dir, Portals: portals}}
		if err := own.note(); err != nil {
			t.Fatal(err)
		}
		var has atomic.Int32
		start := make(chan struct{})
		var done sync.WaitGroup
		for _, p := range portals {
			done.Go(func() {
				<-start
				if own.own(p, "7", false) == nil {
					has.Add(1)
				}
			})
		}
		close(start)
		done.Wait()
		if n := has.Load(); n != 1 {
			t.Fatalf("%d portals have one object of one account", n)
		}
	}
}

// TestGenerationEndsAfterItsRuns: what a generation has open is closed when its runs have
// come to their safe points, and not from under them.
func TestGenerationEndsAfterItsRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := false
		g := &generation{daemon: new(daemon.Daemon), kept: make(chan struct{}), end: func() { asked = true }}
		if g.closeWithin(time.Minute) {
			t.Error("it ended while its runs are under way")
		}
		close(g.kept)
		synctest.Wait()
		if !asked {
			t.Error("its runs were not asked to end")
		}
	})
}
