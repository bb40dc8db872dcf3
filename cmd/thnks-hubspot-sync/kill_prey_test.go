package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A prey is a portal whose backfills are killed.
type prey struct {
	*world
	sniper sniper
	reach  int // requests within which a backfill is killed
	dir    string
	keys   map[string]string // of Thnks, by sender
	rows   map[string][]row  // what each sender's key lists
	lost   bool              // the state file was lost
	// What the state file held when it was last inspected: records by
	// transaction. Nothing once it was lost.
	committed map[string]string
}

// preys are the data of portals whose backfills are killed, and their reach.
// The smaller have several API keys, and so as many windows; the larger have a
// listing, and a rebuild, of more than one window, and windows of many commits.
var preys = []struct {
	data  thnksapitest.Data
	reach int
}{
	{thnksapitest.Data{Seed: 11, N: 240, Senders: 4, Ugly: true}, 24},
	{thnksapitest.Data{Seed: 12, N: 5200, Senders: 1, Ugly: true}, 140},
}

// kindOf is which of preys the i-th portal is: every eightieth is larger.
func kindOf(i int) int {
	if i%80 == 1 {
		return 1
	}
	return 0
}

// newPrey makes a portal of a kind, whose gifts have happened before end. Rows
// without a sender, which no key would show, get one.
func newPrey(t *testing.T, kind int, end time.Time) *prey {
	t.Helper()
	data := preys[kind].data
	data.End = end
	c := &prey{dir: shortDir(t), reach: preys[kind].reach, keys: make(map[string]string), rows: make(map[string][]row)}
	senders := make(map[string]string)
	var config strings.Builder
	for _, tx := range thnksapitest.Generate(data) {
		from := tx.Sender.Email
		if from == "" || c.keys[from] != "" {
			continue
		}
		key := fmt.Sprintf("%s-%d", worldKey, len(senders))
		c.keys[from], senders[key] = key, from
		fmt.Fprintf(&config, "{sender: %s, api_key_file: %[1]s}, ", from)
		if err := os.WriteFile(filepath.Join(c.dir, from), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.world = newWorldOf(t, data, senders)
	for _, tx := range c.thnks.Transactions() {
		if tx.Sender.Email == "" {
			tx.Sender.Email = slices.Min(slices.Collect(maps.Keys(c.keys)))
			c.thnks.Add(tx)
		}
	}
	for from := range c.keys {
		c.rows[from] = c.listed(t, from, "", data.N)
	}
	hubspot, thnks := httptest.NewServer(c.sniper.guard(c.portal)), httptest.NewServer(c.sniper.guard(c.thnks))
	t.Cleanup(hubspot.Close)
	t.Cleanup(thnks.Close)
	if err := writeConfig(c.dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.dir, "config.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("api_key_file: thnks-key"), []byte("keys: ["+config.String()+"]"), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}
