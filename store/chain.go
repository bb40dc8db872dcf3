package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// The audit is a chain. The hash of an entry is the SHA-256 of the hash of the
// entry before it, its own number (8 bytes, big-endian) and its record: the bytes
// of the JSON object as they are stored, without the hash, which is that object's
// last member. Before the first entry there is a hash of zeros.
//
//	{"t":1790000000,"a":"create",…,"h":"<64 hex digits>"}
//
// So no entry can be changed, removed or moved without changing the hash of the
// last one, the head. Entries from before the chain have no hash; they count into
// that of the first entry that has one.
//
// Old entries are cut off at the front. meta/auditcut says up to which number and
// with which hash the chain goes on, and an entry of the chain says so, too.

// AuditKept is how long an audit entry is kept.
const AuditKept = 400 * 24 * time.Hour

// ActionCut is the action of the audit entry that says that older ones were removed.
const ActionCut = "cut"

// cutAtOnce bounds how many audit entries one commit removes.
const cutAtOnce = 5000

type chainHash [sha256.Size]byte

// An AuditHead names the end of the audit at one moment: a reader who knows an older
// one can prove that what was there then is there still.
type AuditHead struct {
	Seq  uint64 `json:"entry"` // number of the last entry; 0 if there is none
	Hash string `json:"head"`  // 64 hex digits
}

// A BrokenError says that the audit is not what was written.
type BrokenError struct {
	Seq    uint64 // of the first entry that does not fit
	Detail string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the audit is not what was written: entry %d: %s", e.Seq, e.Detail)
}

// An auditCut is where the chain goes on after the last cut.
type auditCut struct {
	Seq  uint64 `json:"n,omitempty"` // of the last entry that was removed
	Hash string `json:"h,omitempty"` // of that entry
}

// reasons are what the entry about a cut says.
func (c auditCut) reasons(removed int) []string {
	return []string{fmt.Sprintf("entries removed: %d", removed), fmt.Sprintf("up to entry: %d", c.Seq), "head there: " + c.Hash}
}

func (c auditCut) hash() (h chainHash, err error) {
	if c.Hash == "" {
		return h, nil
	}
	b, err := hex.DecodeString(c.Hash)
	if err != nil || len(b) != len(h) {
		return h, damaged("the place where the audit was cut cannot be read")
	}
	return chainHash(b), nil
}

// next returns the hash of an entry behind another's.
func (h chainHash) next(seq uint64, record []byte) chainHash {
	b := make([]byte, 0, len(h)+8+len(record))
	b = append(b, h[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	return sha256.Sum256(append(b, record...))
}

func (h chainHash) String() string { return hex.EncodeToString(h[:]) }

// The parts that a hash adds to a record.
const (
	hashBefore = `"h":"`
	hashAfter  = `"}`
	hashLen    = len(hashBefore) + 2*sha256.Size + len(hashAfter)
)

// withHash adds its hash to a record.
func withHash(record []byte, h chainHash) []byte {
	value := append(make([]byte, 0, len(record)+hashLen+1), record[:len(record)-1]...)
	if len(value) > 1 {
		value = append(value, ',')
	}
	value = append(value, hashBefore...)
	value = hex.AppendEncode(value, h[:])
	return append(value, hashAfter...)
}

// splitHash is the inverse of withHash. chained is false for an entry from before
// the chain.
func splitHash(value []byte) (record []byte, h chainHash, chained bool) {
	at := len(value) - hashLen
	if at < 1 || !bytes.HasPrefix(value[at:], []byte(hashBefore)) || !bytes.HasSuffix(value, []byte(hashAfter)) {
		return value, h, false
	}
	if _, err := hex.Decode(h[:], value[at+len(hashBefore):len(value)-len(hashAfter)]); err != nil {
		return value, chainHash{}, false
	}
	head := value[:at]
	head = bytes.TrimSuffix(head, []byte(","))
	return append(append(make([]byte, 0, len(head)+1), head...), '}'), h, true
}

func readCut(meta *bbolt.Bucket) (c auditCut, err error) {
	value, err := get(meta, []byte(keyAuditCut))
	if value == nil || err != nil {
		return c, err
	}
	if json.Unmarshal(value, &c) != nil {
		return c, damaged("the place where the audit was cut cannot be read")
	}
	return c, nil
}

// auditHead returns the number and the hash of the last entry. It reads all entries
// where none has a hash yet.
func (b *buckets) auditHead() (seq uint64, h chainHash, err error) {
	cut, err := readCut(b.meta)
	if err != nil {
		return 0, h, err
	}
	if h, err = cut.hash(); err != nil {
		return 0, h, err
	}
	seq = cut.Seq
	c := b.audit.Cursor()
	last, sealed := c.Last()
	if last == nil {
		return seq, h, nil
	}
	value, err := unseal(last, sealed)
	if err != nil {
		return 0, h, err
	}
	if seq, err = decodeSeq(last); err != nil {
		return 0, h, err
	}
	if _, own, chained := splitHash(value); chained {
		return seq, own, nil
	}
	for k, v := c.First(); k != nil; k, v = c.Next() {
		n, err := decodeSeq(k)
		if err != nil {
			return 0, h, err
		}
		record, err := unseal(k, v)
		if err != nil {
			return 0, h, err
		}
		h = h.next(n, record)
	}
	return seq, h, nil
}

// putAudit appends entries to the chain.
func (w *writer) putAudit(entries []AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	_, head, err := w.auditHead()
	if err != nil {
		return err
	}
	for _, e := range entries {
		seq, err := w.audit.NextSequence()
		if err != nil {
			return err
		}
		record, err := encodeAudit(e)
		if err != nil {
			return err
		}
		head = head.next(seq, record)
		if err := put(w.audit, seqKey(seq), withHash(record, head)); err != nil {
			return err
		}
		w.counts.Audit++
	}
	return nil
}

// cutAudit removes the oldest entries that are from before a time, and says so in a
// new one.
func (w *writer) cutAudit(before, now time.Time) error {
	cut, err := readCut(w.meta)
	if err != nil {
		return err
	}
	head, err := cut.hash()
	if err != nil {
		return err
	}
	removed := 0
	c := w.audit.Cursor()
	for k, v := c.First(); k != nil && removed < cutAtOnce; k, v = c.First() {
		value, err := unseal(k, v)
		if err != nil {
			return err
		}
		e, err := decodeAudit(k, value)
		if err != nil {
			return err
		}
		if !e.At.Before(before) {
			break
		}
		record, _, _ := splitHash(value)
		head = head.next(e.Seq, record)
		cut = auditCut{e.Seq, head.String()}
		if err := w.audit.Delete(slices.Clone(k)); err != nil {
			return err
		}
		removed++
	}
	if removed == 0 {
		return nil
	}
	w.counts.Audit -= removed
	value, err := json.Marshal(cut)
	if err != nil {
		return err
	}
	if err := put(w.meta, []byte(keyAuditCut), value); err != nil {
		return err
	}
	return w.putAudit([]AuditEntry{{At: now, Action: ActionCut, Reasons: cut.reasons(removed)}})
}

// AuditHead returns the head of the audit.
func (s *Store) AuditHead() (head AuditHead, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		seq, h, err := b.auditHead()
		head = AuditHead{seq, h.String()}
		return err
	})
	return head, err
}

// An AuditProof says what the audit was found to be.
type AuditProof struct {
	First   uint64    `json:"first"`   // number of the first entry that is kept; 0 if there is none
	Entries int       `json:"entries"` // that are kept
	Before  int       `json:"before"`  // of them, from before the chain
	Head    AuditHead `json:"end"`
	Found   uint64    `json:"found,omitempty"` // number of the entry that has the head asked for
}

// VerifyAudit goes through the audit and proves that no entry was changed, removed
// or moved since it was written, but for what a cut says. With the hash of a head
// that was known once ("" for none) it also proves that all that was there then is
// there still, or was cut: without one it cannot notice that the last entries are
// missing. The error is a [*BrokenError] if the audit is not what was written.
//
// It reads a million entries in about two seconds, and stops when ctx ends.
func (s *Store) VerifyAudit(ctx context.Context, head string) (proof AuditProof, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		v := auditVerifier{wanted: head}
		if v.cut, err = readCut(b.meta); err != nil {
			return err
		}
		if v.hash, err = v.cut.hash(); err != nil {
			return err
		}
		v.seq = v.cut.Seq
		v.look()
		n := 0
		err = b.audit.ForEach(func(key, sealed []byte) error {
			if n++; n%1000 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			return v.entry(key, sealed)
		})
		if err == nil {
			err = v.end(b.audit.Sequence())
		}
		v.proof.Head = AuditHead{v.seq, v.hash.String()}
		proof = v.proof
		return err
	})
	return proof, err
}

// An auditVerifier goes through the entries in their order.
type auditVerifier struct {
	wanted  string // hash of a head to find
	cut     auditCut
	seq     uint64 // of the entry before
	hash    chainHash
	began   bool // an entry with a hash was seen
	lastCut []string
	proof   AuditProof
}

// look notes that the head asked for is here.
func (v *auditVerifier) look() {
	if v.wanted != "" && v.wanted == v.hash.String() {
		v.proof.Found = v.seq
	}
}

func (v *auditVerifier) broken(seq uint64, layout string, args ...any) error {
	return &BrokenError{seq, fmt.Sprintf(layout, args...)}
}

func (v *auditVerifier) entry(key, sealed []byte) error {
	seq, err := decodeSeq(key)
	if err != nil {
		return err
	}
	if seq != v.seq+1 {
		return v.broken(v.seq+1, "it is missing; the next one is %d", seq)
	}
	value, err := unseal(key, sealed)
	if err != nil {
		return v.broken(seq, "it was changed, and does not match its checksum")
	}
	record, own, chained := splitHash(value)
	v.seq, v.hash = seq, v.hash.next(seq, record)
	switch {
	case chained && own != v.hash:
		return v.broken(seq, "its hash is not that of its contents and of the entries before it: it, or one before it, was changed, or stands elsewhere")
	case !chained && v.began:
		return v.broken(seq, "it has no hash, and those before it have one")
	}
	v.began = chained
	v.look()
	if v.proof.Entries++; v.proof.First == 0 {
		v.proof.First = seq
	}
	if !chained {
		v.proof.Before++
	}
	if bytes.Contains(record, []byte(`"`+ActionCut+`"`)) {
		e, err := decodeAudit(key, value)
		if err != nil {
			return err
		}
		if e.Action == ActionCut {
			v.lastCut = e.Reasons
		}
	}
	return nil
}

// end checks what only the whole shows: that what is missing at the front is what
// the last cut says, and that nothing is missing at the end.
func (v *auditVerifier) end(given uint64) error {
	switch said := v.cut.reasons(0)[1:]; {
	case v.cut.Seq == 0 && v.lastCut != nil, v.cut.Seq > 0 && (len(v.lastCut) != 3 || !slices.Equal(v.lastCut[1:], said)):
		return v.broken(v.cut.Seq+1, "the entries before it are missing, and the last entry about a cut does not say so")
	case v.seq != given:
		return v.broken(v.seq+1, "it is missing, and all up to %d", given)
	case v.wanted != "" && v.proof.Found == 0:
		return v.broken(v.seq, "no entry has the head that was asked for: what was there then was changed, removed, or cut off for its age")
	}
	return nil
}

// IsBroken reports whether an error says that the audit is not what was written.
func IsBroken(err error) bool {
	var b *BrokenError
	return errors.As(err, &b)
}
