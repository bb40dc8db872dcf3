package store

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A restored backup forgets what was sent since it was made, and a gift that it
// forgets could be sent again. So a number is raised in the state file, with every
// opening for sending and with every intent to send, and afterwards in a small
// file beside it, which a backup of the state file does not bring back. If the two
// differ in the wrong way, sending is off until a person has looked.
//
// The file beside may lag, because a crash can fall between the two writes, or because it
// could not be written for a while: the state file knows which number it has then. The
// number is raised each time all the same: a backup from between has a lower one than the
// intent that is counted at last. It is raised by steps that are drawn at random, so that
// two states that went on from one backup almost certainly have different ones. The file beside can never
// be ahead of the state file that wrote it. It is there, with number 0, before the state
// file has a number.

// keyGeneration is the generation's key in the meta bucket.
const keyGeneration = "sends"

// SendsOwedEntry is the entry of [Store.Meta], true, that says that HubSpot may show sends
// which the ledger does not know: an older state file was put back. It is removed once a
// run has looked.
const SendsOwedEntry = "sends_owed"

// sendLock is held while the generation is raised in both places.
type sendLock struct {
	sync.Mutex
	open bool       // the ledger is open for sending
	last besideFile // that this process has written; zero before
}

// A SendMark says what a process has counted of a portal's sends, however the files
// in the state directory change while it runs.
type SendMark struct{ last besideFile }

// SendMark returns the mark of the ledger, for the store that takes its place in this
// process.
func (s *Store) SendMark() SendMark {
	s.generation.Lock()
	defer s.generation.Unlock()
	return SendMark{s.generation.last}
}

// Succeed says, before [Store.OpenSending], that the ledger takes the place of one
// with this mark. If it is an older one, or another's, sending is turned off, even if
// the file beside the state file was replaced together with it.
func (s *Store) Succeed(m SendMark) {
	s.generation.Lock()
	defer s.generation.Unlock()
	s.generation.last = m.last
}

type generation struct {
	Number uint64 `json:"n"`
	Beside uint64 `json:"beside,omitempty"` // what the file beside had when the number was raised
	Off    string `json:"off,omitempty"`    // why sending is off, in words for the admin; "" if it is on
	Since  stamp  `json:"since,omitzero"`
}

// maxStep bounds by how much a number is raised. A number has room for four billion steps.
const maxStep = 1 << 32

// raise raises the number, and notes that of the file beside.
func (g *generation) raise(beside uint64) {
	g.Beside = beside
	g.Number += 1 + rand.Uint64N(maxStep)
}

// A besideFile is the file beside the state file.
type besideFile struct {
	State  string `json:"state"` // which state file: a fingerprint of its key
	Number uint64 `json:"generation"`
}

// ErrSendingOff says that sending is off; [Store.Sending] says why.
var ErrSendingOff = errors.New("sending is off until a person has looked: run send list to see why")

// Sending is whether the portal sends.
type Sending struct {
	Off   string    // why it does not, in words for the admin; "" if it does
	Since time.Time // since when; after send resolve, since when it does again; zero if it always did
}

// OpenSending opens the ledger for sending: before anything is sent, and once in a
// process. It raises the generation, and sends whose request was under way when an
// earlier process ended become unknown.
//
// It turns sending off if the state file is not the one that sent last. Then also
// sends that wait become unknown if they could have been sent meanwhile.
func (s *Store) OpenSending(now time.Time) (Sending, error) {
	s.generation.Lock()
	defer s.generation.Unlock()
	was, there, err := s.readBeside()
	if err != nil {
		return Sending{}, err
	}
	if !there {
		first, err := s.isFirstOpening()
		if err == nil && first {
			was, there = besideFile{State: s.fingerprint()}, true
			err = s.writeGeneration(generation{})
		}
		if err != nil {
			return Sending{}, err
		}
	}
	var g generation
	err = s.write(func(w *writer) (err error) {
		if g, err = w.generation(); err != nil {
			return err
		}
		off := g.doubts(was, there, s.fingerprint(), s.generation.last)
		if off != "" {
			g.Number = max(g.Number, was.Number)
			g.raise(g.Number) // a person looks at what was not counted
		} else {
			g.raise(was.Number)
		}
		if off != "" {
			if g.Off == "" {
				g.Off, g.Since = off, stamp{now}
			}
			if err := put(w.meta, []byte(prefixRun+SendsOwedEntry), []byte("true")); err != nil {
				return err
			}
		}
		if err := w.interruptSends(now, off != ""); err != nil {
			return err
		}
		return w.putGeneration(g)
	})
	if err != nil {
		return Sending{}, err
	}
	if err := s.writeGeneration(g); err != nil {
		return Sending{}, err
	}
	s.generation.open = true
	return Sending{g.Off, g.Since.Time}, nil
}

// doubts says why a state file of this generation is perhaps not the one that sent
// last, or "". last is what this process has written, zero if nothing.
func (g generation) doubts(b besideFile, there bool, state string, last besideFile) string {
	switch {
	case !there && g.opensFirst(last):
		return ""
	case !there:
		return "the file beside the state file that counts its sends is missing: was the state file restored, or moved without it?"
	case b.State != state:
		return "the state file is a new one, and an earlier one has sent gifts: this one does not know which"
	case b.Number > g.Number:
		return "the state file is older than the last gift that was sent: it was restored from a backup, and does not know what was sent since"
	case b.Number != g.Number && b.Number != g.Beside:
		return "the file beside the state file that counts its sends is older than the state file: was it restored?"
	case last.State != "" && b.State != last.State, b.Number < last.Number:
		return "the state file, and the file beside it that counts its sends, are not those that this process has sent with: was the state directory replaced by an older copy?"
	}
	return ""
}

// opensFirst reports whether a state file of this generation, without a file beside it, is
// to be opened for sending for the first time, if last is what this process has written.
func (g generation) opensFirst(last besideFile) bool {
	return g.Number == 0 && last == (besideFile{})
}

// isFirstOpening is opensFirst of the state file. It is called with s.generation held.
func (s *Store) isFirstOpening() (bool, error) {
	g, err := s.readGeneration()
	return g.opensFirst(s.generation.last), err
}

// mayBeSent is the reason of a send that waited in a state file which may be an older one.
const mayBeSent = "the state file may be an older one, and a newer one may have sent this"

// IsDoubted reports whether a send waited until its state file was opened for sending, which
// may be an older one: its outcome is unknown for that reason alone.
func (s Send) IsDoubted() bool { return s.State == SendUnknown && s.Reason == mayBeSent }

// interruptSends makes unknown what was under way. If the state file may be an
// older one, so becomes everything that could have been sent since it was made.
func (w *writer) interruptSends(now time.Time, restored bool) error {
	open, err := w.openSends()
	if err != nil {
		return err
	}
	for _, e := range open {
		old := e
		switch {
		case e.State == SendSending:
			e.Reason = "the program ended during the request"
		case restored && (e.State == SendHeld || e.State == SendScheduled && !e.At.After(now)):
			e.Reason = mayBeSent
			if e.Begun.IsZero() {
				e.Begun = e.When()
			}
		default:
			continue
		}
		e.State = SendUnknown
		if err := w.putSend(&old, e); err != nil {
			return err
		}
	}
	return nil
}

// Sending returns whether the portal sends.
func (s *Store) Sending() (Sending, error) {
	g, err := s.readGeneration()
	return Sending{g.Off, g.Since.Time}, err
}

func (s *Store) readGeneration() (g generation, err error) {
	_, err = s.find(bucketMeta, []byte(keyGeneration), func(value []byte) error {
		if json.Unmarshal(value, &g) != nil {
			return damaged("the generation of the sends cannot be read")
		}
		return nil
	})
	return g, err
}

// SendsDoubted reports whether the ledger may lack what became of its sends: sending is
// off, or would be turned off by the next opening for it.
func (s *Store) SendsDoubted() (bool, error) {
	s.generation.Lock()
	defer s.generation.Unlock()
	g, err := s.readGeneration()
	if err != nil || g.Off != "" {
		return g.Off != "", err
	}
	was, there, err := s.readBeside()
	return g.doubts(was, there, s.fingerprint(), s.generation.last) != "", err
}

// StopSending turns sending off and says why, for instance because the journal was
// rebuilt. It does nothing if sending is off already.
func (s *Store) StopSending(why string, now time.Time) error {
	return s.write(func(w *writer) error { return w.stopSending(Sending{why, now}) })
}

func (w *writer) stopSending(why Sending) error {
	g, err := w.generation()
	if err != nil || g.Off != "" {
		return err
	}
	g.Off, g.Since = why.Off, stamp{why.Since}
	return w.putGeneration(g)
}

// ErrSendsUnknown says that there are sends whose outcome a person has to resolve
// first.
var ErrSendsUnknown = errors.New("there are sends whose outcome is unknown: resolve each of them first")

// ResumeSending turns sending on again, after a person has looked. It fails with
// [ErrSendsUnknown] while there is a send whose outcome is unknown.
func (s *Store) ResumeSending(now time.Time, audit []AuditEntry) error {
	return s.write(func(w *writer) error {
		open, err := w.openSends()
		if err != nil {
			return err
		}
		for _, e := range open {
			if e.State == SendUnknown || e.State == SendSending {
				return ErrSendsUnknown
			}
		}
		g, err := w.generation()
		if err != nil {
			return err
		}
		g.Off, g.Since = "", stamp{now}
		if err := w.putGeneration(g); err != nil {
			return err
		}
		return w.putAudit(audit)
	})
}

func (w *writer) generation() (generation, error) {
	var g generation
	value, err := get(w.meta, []byte(keyGeneration))
	if err == nil && value != nil && json.Unmarshal(value, &g) != nil {
		err = damaged("the generation of the sends cannot be read")
	}
	return g, err
}

func (w *writer) putGeneration(g generation) error {
	value, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return put(w.meta, []byte(keyGeneration), value)
}

// fingerprint tells this state file from others.
func (s *Store) fingerprint() string { return hex.EncodeToString(mac(s.secret, "sends")) }

// besidePath is the path of the file beside the state file.
func (s *Store) besidePath() string { return strings.TrimSuffix(s.path, ".db") + ".sends" }

// readBeside reads the file beside the state file. One that cannot be understood
// is another's.
func (s *Store) readBeside() (b besideFile, there bool, err error) {
	text, err := os.ReadFile(s.besidePath())
	if errors.Is(err, fs.ErrNotExist) {
		return b, false, nil
	}
	if err != nil {
		return b, false, fmt.Errorf("reading %s: %w", s.besidePath(), err)
	}
	if json.Unmarshal(text, &b) != nil {
		b = besideFile{}
	}
	return b, true, nil
}

// writeGeneration writes the file beside the state file and makes it durable.
// It is called with s.generation held.
func (s *Store) writeGeneration(g generation) error {
	b := besideFile{s.fingerprint(), g.Number}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	path := s.besidePath()
	dir, name := filepath.Split(path)
	tmp := filepath.Join(dir, "."+name+".new")
	if err := writeDurably(tmp, append(text, '\n')); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	s.generation.last = b
	return nil
}

// writeDurably writes a file and waits until it is on disk.
func writeDurably(path string, content []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}
