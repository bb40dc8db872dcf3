package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// giftsOfSmall is how many gifts each of many portals has.
const giftsOfSmall = 40

// BenchmarkManyPortals measures the daemon while it does the first backfills of
// many small portals, which all begin at once. Their emulators are in another
// process, without rate limits; a fifth of the recipients are no contacts.
//
//	go test -run '^$' -bench ManyPortals -benchtime 1x ./cmd/thnks-hubspot-sync
//
// THNKS_BENCH_PORTALS=60,500 measures with so many. With 500+100000 they are
// backfilled twice, the second time beside a portal of 100,000 gifts. Peak memory is
// as for [BenchmarkBackfill]; idle is when all have ended. It fails above 20 MiB
// and 128 KiB a portal, and where, twice, a portal ends later than twice its time
// without the large one. Which of them begins first is chance, so that the first to
// end is compared with the first, and so on.
func BenchmarkManyPortals(b *testing.B) {
	bin := buildPrograms(b)
	for text := range strings.SplitSeq(cmp.Or(os.Getenv("THNKS_BENCH_PORTALS"), "60"), ",") {
		small, large, beside := strings.Cut(text, "+")
		n, err := strconv.Atoi(small)
		if err != nil {
			b.Fatalf("THNKS_BENCH_PORTALS: %v", err)
		}
		b.Run("N="+text, func(b *testing.B) {
			for b.Loop() {
				ends := backfillMany(b, bin, n, "")
				if !beside {
					continue
				}
				const most = 2.0
				worst := besideLarge(ends, backfillMany(b, bin, n, large))
				if worst > most { // the machine may have been busy the second time alone
					worst = besideLarge(backfillMany(b, bin, n, ""), backfillMany(b, bin, n, large))
				}
				b.ReportMetric(worst, "beside/without")
				if worst > most {
					b.Errorf("beside the large portal a small one takes %.1f times as long, and %.0f is the most", worst, most)
				}
			}
		})
	}
}

// backfillMany starts the daemon with so many portals, and with a large one where
// large says how many gifts that has. It returns when each of the small ones
// ended, counted from the daemon's start, in order.
func backfillMany(b *testing.B, bin string, portals int, large string) (ends []time.Duration) {
	dir := b.TempDir()
	config := manyPortals(b, bin, dir, portals, large)
	cmd := exec.Command(filepath.Join(bin, "thnks-hubspot-sync"), "run", "--config", config)
	log, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill() }) // where it failed on the way
	done, peak := make(chan struct{}), make(chan int)
	go func() { peak <- peakRSS(cmd.Process.Pid, done) }()
	lines := bufio.NewScanner(log)
	for len(ends) < portals && lines.Scan() {
		var line struct {
			Time         time.Time
			Msg, Portal  string
			Level, Error string
			Created      int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Level == "ERROR" {
			b.Fatalf("the daemon logs %s (%v)", lines.Bytes(), err)
		}
		if line.Msg != "run finished" || large != "" && line.Portal == "sandbox" {
			continue
		}
		if line.Created != giftsOfSmall {
			b.Errorf("portal %s: %d gifts created, want %d", line.Portal, line.Created, giftsOfSmall)
		}
		ends = append(ends, line.Time.Sub(began))
	}
	if len(ends) < portals {
		b.Fatalf("the log ends after %d of %d portals: %v", len(ends), portals, lines.Err())
	}
	close(done)
	anon, idle := <-peak, peakRSS(cmd.Process.Pid, done)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	for lines.Scan() { // until it ends
	}
	if err := cmd.Wait(); err != nil {
		b.Fatalf("the daemon ended badly: %v", err)
	}
	slices.Sort(ends)
	b.ReportMetric(0, "ns/op") // the other figures say more
	if large != "" {
		b.ReportMetric(float64(anon)/1024, "beside-peak-MiB")
		b.ReportMetric(ends[portals-1].Seconds(), "beside-last-s")
		return ends
	}
	b.ReportMetric(float64(anon)/1024, "peak-MiB")
	b.ReportMetric(float64(idle)/1024, "idle-MiB")
	b.ReportMetric(ends[portals-1].Seconds(), "last-s")
	if most := 20<<10 + 128*portals; anon > most {
		b.Errorf("%d KiB of memory at the peak, and %d are the most for %d portals", anon, most, portals)
	}
	return ends
}

// manyPortals starts the emulators of small portals, and of a large one where large
// says how many gifts that has, and returns the configuration that leads there.
func manyPortals(b *testing.B, bin, dir string, portals int, large string) (config string) {
	var more []byte
	if large != "" {
		text, err := os.ReadFile(startSandbox(b, bin, dir, "--transactions", large, "--matched", "0.8"))
		if err != nil {
			b.Fatal(err)
		}
		_, more, _ = bytes.Cut(text, []byte("portals:\n"))
	}
	config = startSandbox(b, bin, dir, "--portals", strconv.Itoa(portals), "--transactions", strconv.Itoa(giftsOfSmall), "--matched", "0.8")
	text, err := os.ReadFile(config)
	if err != nil {
		b.Fatal(err)
	}
	own := fmt.Sprintf("admin_listen: %s\nlog: {format: json}\n%s%s", freeAddress(), text, more)
	if err := os.WriteFile(config, []byte(own), 0o600); err != nil {
		b.Fatal(err)
	}
	return config
}

// besideLarge is how many times as long small portals take beside a large one as
// without, at most. Below a second that says nothing.
func besideLarge(without, beside []time.Duration) (worst float64) {
	for i := range without {
		worst = max(worst, max(beside[i], time.Second).Seconds()/max(without[i], time.Second).Seconds())
	}
	return worst
}
