package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHeldWithoutState: a look at what is held of a person, where nothing was ever synced, says
// so and leaves no file.
func TestHeldWithoutState(t *testing.T) {
	t.Parallel()
	c := newTown(t, 1, nil)
	a := &app{configPath: filepath.Join(c.dir, "config.yaml")}
	s, err := a.session("", false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if _, err := (localService{s}).Held(t.Context(), "acme", "ann@example.com"); err == nil || !strings.Contains(err.Error(), "no state yet") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(filepath.Join(c.dir, "state")); len(left) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left are %v, %v", left, err)
	}
}
