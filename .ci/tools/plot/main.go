// Command plot draws what a backfill costs over its size: it reads the output
// of BenchmarkBackfill on standard input and writes a picture of three panels,
// HubSpot calls, peak memory and seconds, each with logarithmic axes.
//
//	go test -run '^$' -bench Backfill ... | go -C .ci/tools run ./plot [-note TEXT] FILE.svg
//
// The picture has no background, and colours that can be read on white as well
// as on black. The same figures make the same bytes.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	note := flag.String("note", "", "`TEXT` to end the caption with")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: plot [-note TEXT] FILE.svg <OUTPUT-OF-BENCHMARK")
		os.Exit(2)
	}
	if err := run(os.Stdin, flag.Arg(0), *note); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, path, note string) error {
	m, err := read(in)
	if err != nil {
		return err
	}
	if note != "" {
		m.caption = append(m.caption, note)
	}
	var picture bytes.Buffer
	if err := m.draw(&picture); err != nil {
		return err
	}
	return os.WriteFile(path, picture.Bytes(), 0o644)
}

// A measurement is what the benchmark says of several sizes of backfills.
type measurement struct {
	caption []string
	costs   []cost // by size
}

// A cost is that of one backfill.
type cost struct {
	gifts, calls, mebibytes, seconds float64
}

var (
	resultLine = regexp.MustCompile(`^BenchmarkBackfill/N=(\d+)(?:-(\d+))?\s+\d+\s+(.*)$`)
	cpuLine    = regexp.MustCompile(`^cpu: (.+)$`)
)

// read reads the output of go test. Of a size that was measured several times,
// the last counts.
func read(in io.Reader) (measurement, error) {
	costs := make(map[float64]cost)
	cpu, cores := "", "1" // a single one goes without saying
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if c := cpuLine.FindStringSubmatch(lines.Text()); c != nil {
			cpu = strings.Join(strings.Fields(c[1]), " ")
		}
		r := resultLine.FindStringSubmatch(lines.Text())
		if r == nil {
			continue
		}
		if r[2] != "" {
			cores = r[2]
		}
		c, err := parse(r[1], r[3])
		if err != nil {
			return measurement{}, fmt.Errorf("%s gifts: %w", r[1], err)
		}
		costs[c.gifts] = c
	}
	if err := lines.Err(); err != nil {
		return measurement{}, err
	}
	if len(costs) < 2 {
		return measurement{}, fmt.Errorf("%d sizes of BenchmarkBackfill in the input: at least 2 make a curve", len(costs))
	}
	var m measurement
	for _, n := range slices.Sorted(maps.Keys(costs)) {
		m.costs = append(m.costs, costs[n])
	}
	if cpu != "" {
		m.caption = append(m.caption, cpu)
	}
	m.caption = append(m.caption, "cores used: "+cores)
	return m, nil
}

// parse reads the figures of a size, each of which is followed by its unit.
func parse(size, figures string) (cost, error) {
	n, err := strconv.ParseFloat(size, 64)
	if err != nil {
		return cost{}, err
	}
	by := make(map[string]float64)
	words := strings.Fields(figures)
	for i := 0; i+1 < len(words); i += 2 {
		if by[words[i+1]], err = strconv.ParseFloat(words[i], 64); err != nil {
			return cost{}, err
		}
	}
	for _, unit := range []string{"calls/1000", "peak-MiB", "gifts/s"} {
		if by[unit] <= 0 {
			return cost{}, fmt.Errorf("no figure with the unit %s", unit)
		}
	}
	return cost{gifts: n, calls: n * by["calls/1000"] / 1000, mebibytes: by["peak-MiB"], seconds: n / by["gifts/s"]}, nil
}
