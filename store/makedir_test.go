package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMakeDir: what can be made is, and is found out without making it; what
// cannot is an error that names the command for it.
func TestMakeDir(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(top, "a", "b c")
	if err := CanMakeDir(good); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(good)); err == nil {
		t.Error("it was made by asking")
	}
	for range 2 {
		if err := MakeDir(good); err != nil {
			t.Fatal(err)
		}
		if err := CanMakeDir(good); err != nil {
			t.Error(err)
		}
	}
	bad := []string{file, filepath.Join(file, "state")}
	if os.Geteuid() > 0 { // modes do not stop root
		closed := filepath.Join(top, "closed")
		if err := os.Mkdir(closed, 0o500); err != nil {
			t.Fatal(err)
		}
		bad = append(bad, filepath.Join(closed, "state"))
	}
	for _, dir := range bad {
		for _, err := range []error{CanMakeDir(dir), MakeDir(dir)} {
			var access *AccessError
			if !errors.As(err, &access) || access.Path != dir || !strings.Contains(access.Remedy, dir) || strings.Contains(err.Error(), "mkdir ") {
				t.Errorf("%s: error %v", dir, err)
			}
		}
	}
	if _, err := Open(filepath.Join(file, "state", "acme.db"), Options{Create: true}); !errors.As(err, new(*AccessError)) {
		t.Errorf("error %v", err)
	}
}
