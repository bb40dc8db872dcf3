package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// The counts of step deaths.
type counts struct {
	lives, bunch             int // seeds, and how many of them a process tries
	backfills, tokens, hooks int // kills
	patience                 time.Duration
}

// deaths lets lives be lived and programs be killed side by side: the latter wait
// more than they work.
func deaths(p place, args []string) error {
	var c counts
	f := flag.NewFlagSet("deaths", flag.ContinueOnError)
	f.IntVar(&c.lives, "lives", 0, "let `N` portals live")
	f.IntVar(&c.bunch, "bunch", 1000, "let one process try `N` lives")
	f.IntVar(&c.backfills, "backfills", 0, "kill `N` backfills")
	f.IntVar(&c.tokens, "tokens", 0, "kill `N` renewals of tokens and of keys")
	f.IntVar(&c.hooks, "hooks", 0, "kill the daemon `N` times while events pour in")
	f.DurationVar(&c.patience, "patience", 0, "end tests that take `longer`")
	if err := f.Parse(args); err != nil {
		return err
	}
	var group sync.WaitGroup
	errs := make([]error, 3)
	began := time.Now()
	for i, one := range []struct {
		name string
		do   func(place) error
	}{{"lives", c.live}, {"kills", c.kill}, {"hook kills", c.killHooks}} {
		group.Go(func() {
			errs[i] = one.do(p)
			fmt.Printf("%s: %d s\n", one.name, seconds(time.Since(began)))
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// live lets portals live under everything that may go wrong, by seed, a bunch of
// them to a process; in one of 10,000 each kind of trouble has to take effect.
// Their deaths are the test's own, so that their files may be in memory. A
// processor each suits a world whose parts wait for each other, and one process
// more than there are has the rest. The settings spare the work on memory and
// stacks that short lives cause.
func (c counts) live(p place) error {
	program := filepath.Join(p.tmp, "sync.test")
	if err := cmd("go", "test", "-c", "-o", program, "./sync").loudly(); err != nil {
		return err
	}
	return each(c.bunches(), runtime.NumCPU()+1, func(seed int) error {
		_, err := cmd(program, "-test.v", "-test.timeout", c.patience.String(), "-test.run", "^TestEngineAgainstAModel$").in("sync").
			with(p.inMemory(), "GOMAXPROCS=1", "GOGC=3200", "GOMEMLIMIT=500MiB", "GODEBUG=adaptivestackstart=1",
				"THNKS_ENGINE_SEED="+strconv.Itoa(seed), "THNKS_ENGINE_SEEDS="+strconv.Itoa(c.bunch)).quietly(p)
		if err == nil {
			fmt.Printf("%d seeds from %d on\n", c.bunch, seed)
		}
		return err
	})
}

// bunches returns the first seed of each bunch.
func (c counts) bunches() []int {
	var first []int
	for seed := 1; seed <= c.lives; seed += c.bunch {
		first = append(first, seed)
	}
	return first
}

var killed = regexp.MustCompile("killed")

// kill ends the real program again and again in the midst of backfills, and of
// renewals of its token and its master key. What a process has written survives its
// death wherever the file is, so in memory too. Backfills wait for HubSpot's limits
// more than they work.
func (c counts) kill(p place) error {
	return c.killing(p, "^TestKill(|AtARenewal|AtAKeyRotation)$", "THNKS_KILLS="+strconv.Itoa(c.backfills), "THNKS_TOKEN_KILLS="+strconv.Itoa(c.tokens))
}

// killHooks ends the daemon again and again while webhook events pour in.
func (c counts) killHooks(p place) error {
	return c.killing(p, "^TestKillWebhooks$", "THNKS_HOOK_KILLS="+strconv.Itoa(c.hooks))
}

func (c counts) killing(p place, tests string, env ...string) error {
	log, err := cmd("go", "test", "-parallel", "6", "-count=1", "-v", "-timeout", c.patience.String(), "-run", tests, "./cmd/thnks-hubspot-sync").
		with(p.inMemory()).with(env...).quietly(p)
	if err != nil {
		return err
	}
	return print(log, killed)
}
