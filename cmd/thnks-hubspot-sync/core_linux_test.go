package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestNoCoreDump: a process that holds tokens leaves no image of its memory, whatever
// its environment asks for.
func TestNoCoreDump(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thnksapitest.Data{Seed: 7, N: 5, End: time.Now()})
	pid, limits := make(chan int, 1), ""
	var once sync.Once
	asked := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", <-pid))
			if err != nil {
				t.Error(err)
			}
			limits = string(text)
		})
		w.portal.ServeHTTP(rw, r)
	})
	hubspot, thnks := httptest.NewServer(asked), httptest.NewServer(w.thnks)
	defer hubspot.Close()
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `ulimit -c unlimited && exec thnks-hubspot-sync sync --backfill --config "$0"`, dir+"/config.yaml")
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid <- cmd.Process.Pid
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^Max core file size\s+0\s+0\s`).MatchString(limits) {
		t.Errorf("the process has these limits:\n%s", limits)
	}
}
