package configs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStateDirFollowsTheFile: a relative state_dir starts at the configuration
// file, whatever the current directory is.
func TestStateDirFollowsTheFile(t *testing.T) {
	for dir, want := range map[string]string{
		"state":           "D/state",
		"./a/../state":    "D/state",
		"../state":        "P/state",
		".":               "D",
		"/srv/thnks/data": "/srv/thnks/data",
		"a~b":             "D/a~b",
	} {
		path := write(t, "state_dir: "+dir+"\n"+good)
		t.Chdir(t.TempDir())
		cfg, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		home := filepath.Dir(path)
		if got := strings.NewReplacer("P", filepath.Dir(home), "D", home).Replace(want); cfg.StateDir != got {
			t.Errorf("%s is %s, want %s", dir, cfg.StateDir, got)
		}
	}
}

// TestStateLeftBehind: state files at the place that a relative state_dir used
// to mean stop the program, and the command in the error moves them.
func TestStateLeftBehind(t *testing.T) {
	for _, tt := range []struct {
		name, dir string
		old, new  string // files at the old and the new place, made with their folders
		refused   bool
	}{
		{"in the current directory", "state", "acme.db", "", true},
		{"in a folder with blanks", "the 'old' state", "acme.db", "", true},
		{"deeper", "var/state", "acme.db", "", true},
		{"the new place is there", "state", "acme.db", "admin.sock.lock", true},
		{"both have them", "state", "acme.db", "acme.db", false},
		{"of another portal", "state", "other.db", "", false},
		{"none", "state", "", "", false},
		{"of the new place only", "state", "", "acme.db", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, "log: {level: info}\nstate_dir: \""+tt.dir+"\"\n"+good)
			cwd := t.TempDir()
			t.Chdir(cwd)
			place := filepath.Join(filepath.Dir(path), tt.dir)
			for folder, file := range map[string]string{filepath.Join(cwd, tt.dir): tt.old, place: tt.new} {
				if file == "" {
					continue
				}
				if err := os.MkdirAll(folder, 0o700); err != nil {
					t.Fatal(err)
				}
				put(t, folder, file, "state", 0o600)
			}
			_, err := Load(path)
			if !tt.refused {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var le *LoadError
			if !errors.As(err, &le) || len(le.Problems) != 1 || le.Problems[0].Line != 2 || le.Problems[0].Key != "state_dir" {
				t.Fatalf("error is %v", err)
			}
			_, command, found := strings.Cut(le.Problems[0].Remedy, "move them: ")
			if out, err := exec.Command("sh", "-c", command).CombinedOutput(); !found || err != nil {
				t.Fatalf("%s: %v %s", command, err, out)
			}
			cfg, err := Load(path)
			if err != nil {
				t.Fatalf("after %s: %v", command, err)
			}
			if _, err := os.Stat(filepath.Join(cfg.StateDir, "acme.db")); err != nil || cfg.StateDir != place {
				t.Errorf("after %s: %v", command, err)
			}
		})
	}
}
