package suppressed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
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
