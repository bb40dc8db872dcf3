package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// BenchmarkBackfill measures the real program as a process of its own, with
// both emulators in another process and no rate limit, on the typical data set
// (five gifts a person, each person a contact with a company and an open
// deal):
//
//	go test -run '^$' -bench Backfill -benchtime 1x ./cmd/thnks-hubspot-sync
//
// THNKS_BENCH_TRANSACTIONS=1000,1000000 measures those sizes instead. Peak memory is
// RssAnon of the program, sampled every 20 ms: what it holds itself, without
// the pages of the state file that the system may drop. It fails above 15 calls
// per 1,000 gifts, with some for the object to begin with, and above 128 MiB.
// The figures that begin
// with daemon are of one started afterwards on the same state file: until
// /readyz answers, RssAnon after its first, idle pass, the median of a hundred
// questions through the socket, and a whole `sync` command through it.
func BenchmarkBackfill(b *testing.B) {
	bin := buildPrograms(b)
	for _, n := range benchSizes(b) {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			for b.Loop() {
				measure(b, bin, n, typical...)
			}
		})
	}
}

// BenchmarkRealistic measures the same with data as most portals have it:
//
//	go test -run '^$' -bench Realistic -benchtime 1x ./cmd/thnks-hubspot-sync
func BenchmarkRealistic(b *testing.B) {
	bin := buildPrograms(b)
	for _, n := range benchSizes(b) {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			for b.Loop() {
				measure(b, bin, n, "--matched", "0.72", "--deals", "1", "--open-deals", "0.2", "--further-contacts", "2000")
			}
		})
	}
}

// typical are the flags of a sandbox all of whose recipients are contacts, with an open
// deal each.
var typical = []string{"--matched", "1", "--deals", "1"}

// benchSizes are how many gifts to measure with.
func benchSizes(b *testing.B) (sizes []int) {
	text := os.Getenv("THNKS_BENCH_TRANSACTIONS")
	if text == "" {
		return []int{10_000, 100_000}
	}
	for size := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			b.Fatalf("THNKS_BENCH_TRANSACTIONS: %v", err)
		}
		sizes = append(sizes, n)
	}
	return sizes
}

// buildPrograms builds the program and the sandbox, and returns where.
func buildPrograms(b *testing.B) (bin string) {
	bin = b.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+"/", "thnks-hubspot-sync/cmd/...").CombinedOutput(); err != nil {
		b.Fatalf("building: %v\n%s", err, out)
	}
	return bin
}

func measure(b *testing.B, bin string, n int, data ...string) {
	b.StopTimer()
	defer b.StartTimer()
	dir := b.TempDir()
	config := startSandbox(b, bin, dir, append([]string{"--transactions", strconv.Itoa(n)}, data...)...)

	cmd := exec.Command(filepath.Join(bin, "thnks-hubspot-sync"), "sync", "--backfill", "--json", "--config", config)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	began := time.Now()
	b.StartTimer()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	peak := make(chan int)
	go func() { peak <- peakRSS(cmd.Process.Pid, done) }()
	err := cmd.Wait()
	took := time.Since(began)
	b.StopTimer()
	close(done)
	anon := <-peak
	if err != nil {
		b.Fatalf("backfill: %v\n%s", err, log.Bytes())
	}
	var doc document[giftsync.Report]
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Portals) != 1 || doc.Portals[0].Created != n {
		b.Fatalf("the report is not that of %d gifts created: %v\n%s", n, err, out.Bytes())
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	calls := 0
	for _, k := range doc.Portals[0].HubSpotCalls {
		calls += k
	}
	b.ReportMetric(0, "ns/op") // of one run; the other figures say more
	b.ReportMetric(float64(n)/took.Seconds(), "gifts/s")
	b.ReportMetric(cpu.Seconds(), "cpu-s")
	b.ReportMetric(float64(anon)/1024, "peak-MiB")
	b.ReportMetric(float64(calls)/float64(n)*1000, "calls/1000")
	const toBegin, perThousand, mostKiB = 25, 15, 128 << 10
	if most := toBegin + perThousand*n/1000; calls > most {
		b.Errorf("%d calls, and %d are the most for %d gifts", calls, most, n)
	}
	if anon > mostKiB {
		b.Errorf("%d KiB of memory at the peak, and %d are the most", anon, mostKiB)
	}

	path := filepath.Join(dir, "state", "sandbox.db")
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(n), "file-B/gift")
	began = time.Now()
	st, err := store.Open(path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "open-ms")
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	measureDaemon(b, bin, config)
}

// startSandbox starts the emulators in another process, for the benchmark's
// length, and returns the configuration that leads there.
func startSandbox(b *testing.B, bin, dir string, args ...string) (config string) {
	cmd := exec.Command(filepath.Join(bin, "sandbox"), append(args, "--config-dir", dir)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: there is nothing to learn from how
	})
	var ready struct{ Config string }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		b.Fatalf("the sandbox did not start: %v", err)
	}
	return ready.Config
}

var rssAnon = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`)

// peakRSS samples a process's anonymous memory until done, and returns the
// most it saw, in KiB.
func peakRSS(pid int, done <-chan struct{}) (peak int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
			if m := rssAnon.FindSubmatch(status); m != nil {
				if kib, err := strconv.Atoi(string(m[1])); err == nil {
					peak = max(peak, kib)
				}
			}
		}
		select {
		case <-tick.C:
		case <-done:
			return peak
		}
	}
}
