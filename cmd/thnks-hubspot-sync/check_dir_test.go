package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thnks-hubspot-sync/sync/doctor"
)

// TestCheckStateDir: before the first start it is as good as made where it can be,
// and fails with the remedy where it cannot.
func TestCheckStateDir(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]doctor.Finding{
		top:                          {Level: doctor.OK, What: "is accessible to this user only"},
		filepath.Join(top, "a", "b"): {Level: doctor.OK, What: "does not exist yet; the first sync makes it"},
		filepath.Join(file, "state"): {Level: doctor.Fail, What: "cannot make it", Remedy: filepath.Join(file, "state")},
	} {
		got := checkStateDir(dir)
		if got.Level != want.Level || !strings.Contains(got.What, want.What) || !strings.Contains(got.Remedy, want.Remedy) || (got.Remedy == "") != (want.Remedy == "") {
			t.Errorf("%s: %+v", dir, got)
		}
	}
}
