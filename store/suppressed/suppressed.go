// Package suppressed keeps the list of the people who were erased from a portal,
// in a file of its own beside the portal's state file: it must outlive the loss, the
// rebuilding and the restoring of that. The list holds no personal value: people and
// their gifts stand in it as keyed hashes, and the key is the file's.
//
//	list := suppressed.At("/var/lib/thnks-hubspot-sync/acme.suppressed")
//	err := list.Refresh()
//	...
//	if list.Address("ann@acme.example") { … }
//
// Who has the file can try addresses that he knows against it, so it is as private
// as the state file. It is written whole and then renamed, so that a crash leaves
// the old or the new one.
package suppressed

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

const (
	fileMode = 0o600
	header   = "thnks-hubspot-sync suppressed 1"
	keyLen   = 32 // bytes
	macLen   = 16 // of a truncated HMAC, bytes
	shortLen = 4  // of a short hash, bytes
)

// A kind says what a hash of the list is of. It is the first letter of its line.
type kind byte

const (
	address  kind = 'a' // a canonical address
	received kind = 'r' // a transaction whose recipient was erased
	sent     kind = 's' // a transaction whose sender was erased
)

// An entry is one line of the list.
type entry struct {
	kind kind
	hash [macLen]byte
}

// A Mark tells one state of a list from the others: lists only grow.
type Mark struct {
	Key       string `json:"key"` // names the list
	Addresses int    `json:"addresses"`
	Gifts     int    `json:"gifts"`
}

// A List is the list of one portal. Its methods may be called from many goroutines;
// one process changes the file at a time, the one that has the state file open.
type List struct {
	path string

	adding sync.Mutex // held for a change of the file

	mu      sync.RWMutex
	key     []byte // nil before the file was read
	entries map[entry]bool
	mark    Mark
	file    fs.FileInfo // as it was read

	users *sync.WaitGroup // calls of Using since the list has changed last
}

// At returns the list in the file of this path. Nothing is suppressed before
// [List.Refresh] has read it.
func At(path string) *List { return &List{path: path, users: new(sync.WaitGroup)} }

// Path returns the path of the list's file.
func (l *List) Path() string { return l.path }

// Refresh reads the file, unless that is the one which was read before. The error is
// [fs.ErrNotExist] if there is none; nothing is suppressed then.
func (l *List) Refresh() error {
	info, err := os.Stat(l.path)
	if err == nil {
		err = checkMode(l.path, info)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.set(nil, nil, nil)
		return err
	}
	if l.file != nil && os.SameFile(info, l.file) && info.ModTime().Equal(l.file.ModTime()) && info.Size() == l.file.Size() {
		return nil
	}
	text, err := os.ReadFile(l.path)
	var key []byte
	var entries map[entry]bool
	if err == nil {
		key, entries, err = decode(text)
	}
	if err != nil {
		l.set(nil, nil, nil)
		return fmt.Errorf("list of erased people %s: %w", l.path, err)
	}
	l.set(key, entries, info)
	return nil
}

// set takes over what was read or written. It is called with mu held.
func (l *List) set(key []byte, entries map[entry]bool, file fs.FileInfo) {
	l.key, l.entries, l.file, l.mark = key, entries, file, Mark{}
	if key == nil {
		return
	}
	l.mark.Key = hex.EncodeToString(digest(key, "mark")[:shortLen])
	for e := range entries {
		if e.kind == address {
			l.mark.Addresses++
		} else {
			l.mark.Gifts++
		}
	}
}

// checkMode refuses a file that others may read. Windows has no such modes.
func checkMode(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("list of erased people %s is open to other users (mode %04o): run `chmod %o %[1]s`", path, mode, fileMode)
	}
	return nil
}

// Create makes the file, with a new key and no one in it. One that exists is read.
func (l *List) Create() error {
	l.adding.Lock()
	defer l.adding.Unlock()
	if _, err := os.Lstat(l.path); err == nil {
		return l.Refresh()
	}
	key := make([]byte, keyLen)
	rand.Read(key) // never fails, by its documentation
	return l.write(key, nil)
}

// Add puts canonical addresses, the transactions that the people received, and those
// that they sent, on the list. It returns nil once the list is on disk and, if
// anything was new, every call of [List.Using] that began before has ended. The list must
// have been read.
func (l *List) Add(addresses, receivedIDs, sentIDs []string) error {
	l.adding.Lock()
	defer l.adding.Unlock()
	l.mu.RLock()
	key, all := l.key, maps.Clone(l.entries)
	l.mu.RUnlock()
	if key == nil {
		return fmt.Errorf("list of erased people %s was not read", l.path)
	}
	if all == nil {
		all = make(map[entry]bool)
	}
	before := len(all)
	for k, texts := range map[kind][]string{address: addresses, received: receivedIDs, sent: sentIDs} {
		for _, text := range texts {
			all[entryOf(key, k, text)] = true
		}
	}
	if len(all) == before {
		return nil
	}
	if err := l.write(key, all); err != nil {
		return err
	}
	l.mu.Lock()
	users := l.users
	l.users = new(sync.WaitGroup)
	l.mu.Unlock()
	users.Wait()
	return nil
}

// Using calls f, which asks the list and keeps what that lets through, and returns its
// error. Who puts someone on the list meanwhile finds what f has kept: [List.Add] waits
// for f, and f must not call it. Using does not wait.
func (l *List) Using(f func() error) error {
	l.mu.Lock()
	users := l.users
	users.Add(1)
	l.mu.Unlock()
	defer users.Done()
	return f()
}

// write replaces the file. It is called with adding held.
func (l *List) write(key []byte, entries map[entry]bool) error {
	dir, base := filepath.Split(l.path)
	tmp := filepath.Join(dir, "."+base+".new")
	defer os.Remove(tmp) // does nothing once the file has its name
	if err := writeFile(tmp, encode(key, entries)); err != nil {
		return fmt.Errorf("writing the list of erased people: %w", err)
	}
	if err := os.Rename(tmp, l.path); err != nil {
		return fmt.Errorf("writing the list of erased people: %w", err)
	}
	if err := syncDir(filepath.Dir(l.path)); err != nil {
		return fmt.Errorf("writing the list of erased people: %w", err)
	}
	info, err := os.Stat(l.path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set(key, entries, info)
	return nil
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes the names in a directory durable. Where a system has no such call,
// they are so by themselves.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

// Address reports whether the person with a canonical address was erased.
func (l *List) Address(canonical string) bool { return l.has(address, canonical) }

// Received reports whether the recipient of a transaction was erased.
func (l *List) Received(id string) bool { return l.has(received, id) }

// Sent reports whether the sender of a transaction was erased.
func (l *List) Sent(id string) bool { return l.has(sent, id) }

func (l *List) has(k kind, text string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.entries) > 0 && text != "" && l.entries[entryOf(l.key, k, text)]
}

// Mark returns the mark of the list as it is, the zero mark if it was not read.
func (l *List) Mark() Mark {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mark
}

// Short returns a short hash of a canonical address, 8 hex digits under the list's
// key, by which log lines point to a person without naming him: the same in all of a
// portal's lines, and another one in any other portal's. It is "" if the list was
// not read.
func (l *List) Short(canonical string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.key == nil {
		return ""
	}
	return hex.EncodeToString(digest(l.key, "log\x00"+canonical)[:shortLen])
}

func entryOf(key []byte, k kind, text string) entry {
	return entry{k, [macLen]byte(digest(key, string(k)+"\x00"+text))}
}

func digest(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// encode is the text of the file: a header, the key, the sorted entries, and last
// their number under the key's hash of all that stands above it.
func encode(key []byte, entries map[entry]bool) []byte {
	lines := make([]string, 0, len(entries))
	for e := range entries {
		lines = append(lines, string(e.kind)+" "+hex.EncodeToString(e.hash[:]))
	}
	slices.Sort(lines)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nkey %s\n", header, base64.StdEncoding.EncodeToString(key))
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "end %d %x\n", len(entries), digest(key, b.String())[:macLen])
	return b.Bytes()
}

// decode is the inverse of encode. Nothing of a file that is cut short or was
// changed by hand counts: half a list would bring people back.
func decode(text []byte) (key []byte, entries map[entry]bool, err error) {
	damaged := errors.New("it is cut short or damaged: put back the copy that was made of it last")
	first, rest, _ := strings.Cut(string(text), "\n")
	if first != header {
		return nil, nil, errors.New("it is no list of this release of the program: install the release that wrote it, or put back a copy")
	}
	keyLine, rest, _ := strings.Cut(rest, "\n")
	encoded, ok := strings.CutPrefix(keyLine, "key ")
	key, err = base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) != keyLen {
		return nil, nil, damaged
	}
	entries = make(map[entry]bool)
	for line := range strings.Lines(rest) {
		line, _ = strings.CutSuffix(line, "\n")
		if strings.HasPrefix(line, "end ") {
			break
		}
		k, encoded, ok := strings.Cut(line, " ")
		hash, err := hex.DecodeString(encoded)
		if !ok || err != nil || len(hash) != macLen || len(k) != 1 {
			return nil, nil, damaged
		}
		entries[entry{kind(k[0]), [macLen]byte(hash)}] = true
	}
	if !bytes.Equal(text, encode(key, entries)) {
		return nil, nil, damaged
	}
	return key, entries, nil
}
