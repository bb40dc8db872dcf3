package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/sync/admin"
)

// startDaemon starts the daemon with a private side of its own, and returns it
// with the address of that side.
func startDaemon(b *testing.B, bin, config string) (cmd *exec.Cmd, address string, log *bytes.Buffer) {
	address = freeAddress()
	own := filepath.Join(filepath.Dir(config), "daemon.yaml")
	if err := withLine(config, own, "admin_listen: "+address); err != nil {
		b.Fatal(err)
	}
	cmd = exec.Command(filepath.Join(bin, "thnks-hubspot-sync"), "run", "--config", own)
	log = new(bytes.Buffer)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill() }) // where the benchmark failed on the way
	return cmd, address, log
}

// ready reports whether the daemon says that it is.
func ready(address string) bool {
	resp, err := http.Get("http://" + address + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measureDaemon starts the daemon on a portal that has been backfilled.
func measureDaemon(b *testing.B, bin, config string) {
	began := time.Now()
	cmd, address, log := startDaemon(b, bin, config)
	if err := until("the daemon is ready", func() bool { return ready(address) }); err != nil {
		b.Fatalf("%v\n%s", err, log.Bytes())
	}
	b.ReportMetric(milliseconds(time.Since(began)), "daemon-ready-ms")

	cfg, err := configs.Load(config)
	if err != nil {
		b.Fatal(err)
	}
	d, err := admin.Dial(filepath.Join(cfg.StateDir, "admin.sock"))
	if err != nil {
		b.Fatal(err)
	}
	idle := func() bool {
		all, err := d.Status(context.Background())
		return err == nil && all[0].Doing == "" && all[0].LastSync.After(began)
	}
	if err := until("the first pass is done", idle); err != nil {
		b.Fatalf("%v\n%s", err, log.Bytes())
	}
	done := make(chan struct{})
	close(done)
	b.ReportMetric(float64(peakRSS(cmd.Process.Pid, done))/1024, "daemon-idle-MiB")

	took := make([]time.Duration, 100)
	for i := range took {
		asked := time.Now()
		if _, err := d.Status(context.Background()); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(asked)
	}
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "daemon-ask-ms")
	asked := time.Now()
	if out, err := exec.Command(filepath.Join(bin, "thnks-hubspot-sync"), "sync", "--config", config).CombinedOutput(); err != nil {
		b.Fatalf("a command through the socket: %v\n%s", err, out)
	}
	b.ReportMetric(milliseconds(time.Since(asked)), "daemon-sync-ms")
	stopDaemon(b, cmd, log)
}

// stopDaemon ends the daemon as systemd does and returns how long that took.
func stopDaemon(b *testing.B, cmd *exec.Cmd, log *bytes.Buffer) time.Duration {
	asked := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatalf("the daemon ended badly: %v\n%s", err, log.Bytes())
	}
	return time.Since(asked)
}

// BenchmarkStop measures how long the daemon takes to stop in the midst of a
// backfill, at twenty moments that are spread over it:
//
//	go test -run '^$' -bench Stop -benchtime 1x ./cmd/thnks-hubspot-sync
func BenchmarkStop(b *testing.B) {
	bin := buildPrograms(b)
	for b.Loop() {
		b.StopTimer()
		config := startSandbox(b, bin, b.TempDir(), append([]string{"--transactions", "100000"}, typical...)...)
		var took []time.Duration
		for i := range 20 {
			cmd, address, log := startDaemon(b, bin, config)
			if err := until("the daemon is ready", func() bool { return ready(address) }); err != nil {
				b.Fatalf("%v\n%s", err, log.Bytes())
			}
			<-time.After(time.Duration(300+37*i) * time.Millisecond)
			took = append(took, stopDaemon(b, cmd, log))
		}
		slices.Sort(took)
		b.ReportMetric(0, "ns/op") // the other figures say more
		b.ReportMetric(milliseconds(took[len(took)/2]), "stop-median-ms")
		b.ReportMetric(milliseconds(took[len(took)-1]), "stop-max-ms")
		b.StartTimer()
	}
}

// withLine copies a file, with a line put before it.
func withLine(from, to, line string) error {
	text, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(to, append([]byte(line+"\n"), text...), 0o600))
}
