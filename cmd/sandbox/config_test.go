package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFolderOfItsOwn: a new sandbox removes what an earlier one's accounts left in
// its folder, and never touches another's.
func TestFolderOfItsOwn(t *testing.T) {
	t.Parallel()
	put := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "it's here")
	state := filepath.Join(dir, "state", "sandbox.db")
	for _, earlier := range []string{"", "state_dir: \"" + filepath.Join(dir, "state") + "\"\nportals:\n  - name: sandbox\n"} {
		if earlier != "" {
			put(filepath.Join(dir, "config.yaml"), earlier)
		}
		for range 2 {
			if _, err := writeConfig(dir, Ready{}, 1, nil, hubspotHook{}); err != nil {
				t.Fatal(err)
			}
			put(state, "old")
		}
		if _, err := writeConfig(dir, Ready{}, 1, nil, hubspotHook{}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(state); err == nil {
			t.Error("the state of an earlier sandbox is still there")
		}
	}
	theirs := t.TempDir()
	put(filepath.Join(theirs, "config.yaml"), "state_dir: state\n")
	put(filepath.Join(theirs, "state", "acme.db"), "precious")
	if _, err := writeConfig(theirs, Ready{}, 1, nil, hubspotHook{}); err == nil || !strings.Contains(err.Error(), "--config-dir") {
		t.Errorf("error %v", err)
	}
	for _, name := range []string{"config.yaml", "state/acme.db"} {
		if _, err := os.Stat(filepath.Join(theirs, name)); err != nil {
			t.Error(err)
		}
	}
	if entries, _ := os.ReadDir(theirs); len(entries) != 2 {
		t.Errorf("%d entries in another's folder", len(entries))
	}
}

// TestNextStep: it says what to type, with the path as a shell reads it.
func TestNextStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		config, webhook, hubspot, want string
	}{
		{"", "", "", "--config-dir DIR"},
		{"/tmp/it's/config.yaml", "", "", `thnks-hubspot-sync sync --backfill --config '/tmp/it'\''s/config.yaml'`},
		{"/tmp/s/config.yaml", "u", "", "thnks-hubspot-sync run --config '/tmp/s/config.yaml'"},
		{"/tmp/s/config.yaml", "u", "u", "thnks-hubspot-sync connect --config '/tmp/s/config.yaml'"},
		{"/tmp/s/config.yaml", "", "u", "curl -X POST http://c/contacts"},
	} {
		var o options
		o.hook.url, o.tells.url = tt.webhook, tt.hubspot
		if got := next(Ready{Config: tt.config, Control: "http://c"}, o); !strings.Contains(got, tt.want) {
			t.Errorf("%q, want %q in it", got, tt.want)
		}
	}
}
