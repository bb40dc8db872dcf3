package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A mutant that never ends, or eats memory, is stopped: at several times what the
// tests cost without one, and at a size that no test comes near. Time of a processor
// says more than time on a clock, which passes on a loaded machine, too; the latter
// ends what waits forever.
const (
	cpuFactor  = 5
	wallFactor = 10
	memory     = 4 << 20 // KiB
)

// A program is a test program with all mutants of its package.
type program struct {
	path  string
	dir   string // it runs in its package's folder
	tmp   string
	flags []string
	spare time.Duration // what any run may take beyond, which has to hold its start
}

type cost struct{ cpu, wall time.Duration }

type outcome struct {
	status  status
	cost    cost
	printed []byte
}

// run runs tests, which usually cost so much, until the first that fails. What they leave
// behind in the folder for temporary files is removed.
func (p program) run(ctx context.Context, env, tests []string, usual cost, flags ...string) (outcome, error) {
	tmp, err := os.MkdirTemp(p.tmp, "run-")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(tmp)
	cpu := cpuFactor*usual.cpu + p.spare
	limited, cancel := context.WithTimeout(ctx, wallFactor*(cpu+usual.wall))
	defer cancel()

	script := fmt.Sprintf(`ulimit -v %d && ulimit -t %d && exec "$0" "$@"`, memory, int(cpu.Seconds()))
	args := []string{"-c", script, p.path, "-test.failfast", "-test.run", "^(" + strings.Join(tests, "|") + ")$"}
	c := exec.CommandContext(limited, "sh", append(append(args, p.flags...), flags...)...)
	c.Dir = p.dir
	c.Env = append(append(os.Environ(), "TMPDIR="+tmp, "GOMAXPROCS=1"), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) } // and what it started
	c.WaitDelay = 10 * time.Second
	var printed bytes.Buffer
	c.Stdout, c.Stderr = &printed, &printed
	start := time.Now()
	err = c.Run()
	if ctx.Err() != nil {
		return outcome{}, context.Cause(ctx)
	}
	o := outcome{status: lived, printed: printed.Bytes()}
	if s := c.ProcessState; s != nil {
		o.cost = cost{s.UserTime() + s.SystemTime(), time.Since(start)}
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case limited.Err() != nil:
		o.status = timedOut
	case errors.As(err, &exit):
		o.status = killed
		// How the system ends a process that has used up its time.
		if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signal() == syscall.SIGKILL {
			o.status = timedOut
		}
	default:
		return outcome{}, err
	}
	return o, nil
}
