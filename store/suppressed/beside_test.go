package suppressed_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store/suppressed"
)

// TestListBesideEachOther: people who are erased at once, while the list is read and asked,
// are all on it afterwards, in memory and in the file. The race detector judges as well.
func TestListBesideEachOther(t *testing.T) {
	t.Parallel()
	for range 30 {
		eraseBeside(t, 4)
	}
}

// eraseBeside has so many people erased at once, each by a caller that finds no list yet.
func eraseBeside(t *testing.T, people int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "acme.suppressed")
	l := suppressed.At(path)
	address := func(i int) string { return fmt.Sprintf("p%d@acme.example", i) }
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range people {
		done.Go(func() {
			<-start
			if err := l.Create(); err != nil {
				t.Errorf("create: %v", err)
			}
			if err := l.Add([]string{address(i)}, []string{fmt.Sprint("T-", i)}, nil); err != nil {
				t.Errorf("add: %v", err)
			}
			if !l.Address(address(i)) || !l.Received(fmt.Sprint("T-", i)) || l.Short(address(i)) == "" || l.Mark().Addresses == 0 {
				t.Errorf("%s is not on the list that he was put on", address(i))
			}
		})
	}
	close(start)
	done.Wait()
	again := suppressed.At(path)
	if err := again.Refresh(); err != nil {
		t.Fatal(err)
	}
	if m := l.Mark(); m != again.Mark() || m.Addresses != people || m.Gifts != people {
		t.Errorf("the list has %+v, the file %+v", m, again.Mark())
	}
}

// TestListWaitsForItsUse: who puts someone on the list goes on when all that was decided by
// the list as it was is done, and what comes in between is decided by the list as it is.
func TestListWaitsForItsUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, _ := made(t)
		const bea = "bea@acme.example"
		failed := errors.New("failed")
		begun, used, added := make(chan bool), make(chan error), make(chan error, 1)
		go func() {
			used <- l.Using(func() error {
				if l.Address(bea) {
					t.Error("she was on the list before")
				}
				begun <- true
				<-begun
				return failed
			})
		}()
		<-begun
		go func() { added <- l.Add([]string{bea}, nil, nil) }()
		synctest.Wait()
		err := l.Using(func() error {
			if !l.Address(bea) {
				t.Error("she is not on the list")
			}
			return nil
		})
		if err != nil || len(added) > 0 {
			t.Errorf("%v; %d did not wait for what used the list before", err, len(added))
		}
		begun <- true
		if err := <-used; err != failed {
			t.Errorf("using the list: %v", err)
		}
		if err := <-added; err != nil {
			t.Error(err)
		}
	})
}

// TestListReadBesideItsUse: a file that was put back is read while the list is asked and
// added to. The list is empty at no moment.
func TestListReadBesideItsUse(t *testing.T) {
	t.Parallel()
	l, path := made(t)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			for i := range 20 {
				at := time.Now().Add(time.Duration(i) * time.Hour) // so that it is read again
				if err := os.Chtimes(path, at, at); err != nil {
					t.Error(err)
				}
				if err := l.Refresh(); err != nil {
					t.Error(err)
				}
			}
		})
		done.Go(func() {
			for range 20 {
				if err := l.Add([]string{"ann@acme.example"}, nil, nil); err != nil { // who is on it
					t.Error(err)
				}
			}
		})
		done.Go(func() {
			for range 200 {
				if !l.Address("ann@acme.example") || l.Mark().Gifts != 2 || l.Short("ann@acme.example") == "" {
					t.Error("who was erased is not on the list")
				}
			}
		})
	}
	done.Wait()
}
