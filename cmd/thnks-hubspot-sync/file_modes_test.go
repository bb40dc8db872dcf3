//go:build unix

package main

import (
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestFilesAreTheirOwners has the program write all its files where the umask
// takes no right away: names and addresses stand in them, so that no other user may
// read any.
func TestFilesAreTheirOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thnksapitest.Data{Seed: 7, N: 20, Recipients: 5, End: time.Now()})
	hubspot, thnks := httptest.NewServer(w.portal), httptest.NewServer(w.thnks)
	defer hubspot.Close()
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	report := filepath.Join(state, "report.json")
	for _, args := range [][]string{{"sync", "--backfill"}, {"stats", "--json", "--output", report}} {
		cmd := exec.Command("sh", append([]string{"-c", `umask 0 && exec thnks-hubspot-sync "$@"`, "sh"}, append(args, "--config", filepath.Join(dir, "config.yaml"))...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	files := 0
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has the mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v; want a state file, an account's owner and a report", files, err)
	}
}
