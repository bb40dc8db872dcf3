package sync

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"thnks-hubspot-sync/thnksapi"
)

// fieldBits is how many fields a transaction has.
const fieldBits = 17

// fieldCounts count, over the rows of a reading, who has a field and where its
// value could not be used.
type fieldCounts struct {
	rows    int
	missing [fieldBits]int
	dropped [fieldBits]int
	shown   thnksapi.FieldSet // fields that some row has
}

// add counts a row.
func (c *fieldCounts) add(s seenGift) {
	c.rows++
	c.shown |= ^s.missing
	countBits(&c.missing, s.missing)
	countBits(&c.dropped, s.dropped)
}

func countBits(counts *[fieldBits]int, set thnksapi.FieldSet) {
	for ; set != 0; set &= set - 1 {
		counts[bits.TrailingZeros32(uint32(set))]++
	}
}

// merge adds the counts of further rows.
func (c *fieldCounts) merge(d fieldCounts) {
	c.rows += d.rows
	c.shown |= d.shown
	for i := range fieldBits {
		c.missing[i] += d.missing[i]
		c.dropped[i] += d.dropped[i]
	}
}

// A FieldProblem is a field of Thnks's rows that could not be used in most of
// the rows that have it: a setting says the wrong thing about it.
type FieldProblem struct {
	Field   string `json:"field"`   // as thnks.dialect.fields names it
	Dropped int    `json:"dropped"` // rows whose value could not be used
	Rows    int    `json:"rows"`    // that have the field
}

// String says what is wrong, and which setting to look at.
func (p FieldProblem) String() string {
	return fmt.Sprintf("%s could not be used in %d of %d rows that have it: look at %s", p.Field, p.Dropped, p.Rows, p.setting())
}

// setting names what decides how the field is read.
func (p FieldProblem) setting() string {
	switch {
	case p.Field == "times" || strings.HasSuffix(p.Field, "_at"):
		return "thnks.dialect.time_formats"
	case p.Field == "currency":
		return "thnks.dialect.fields.currency, which is to be the code of three letters"
	default:
		return "thnks.dialect.fields." + p.Field
	}
}

// problems returns the fields that could not be used in most rows.
func (c *fieldCounts) problems() []FieldProblem {
	var found []FieldProblem
	for i := range fieldBits {
		if having := c.rows - c.missing[i]; c.dropped[i] > 0 && 2*c.dropped[i] > having {
			name := strings.Join(thnksapi.FieldSet(1<<i).Names(), "")
			found = append(found, FieldProblem{Field: name, Dropped: c.dropped[i], Rows: having})
		}
	}
	return found
}

// FieldProblemsOf returns the fields that could not be used in most rows of a
// page.
func FieldProblemsOf(page *thnksapi.Page) []FieldProblem {
	var c fieldCounts
	for _, row := range page.Rows {
		if s, bad := normalize(row, readNow(page.Date, 0)); bad == nil {
			c.add(s)
		}
	}
	return c.problems()
}

// fewRows is how many rows of what changed lately say nothing of all rows.
const fewRows = 10

// fieldProblems returns what the report says of the fields: a pass over what changed
// has to have seen some rows.
func fieldProblems(r *run) []FieldProblem {
	if r.mode == Incremental && r.counts.fields.rows < fewRows {
		return nil
	}
	return r.counts.fields.problems()
}

// rememberFields records which fields a complete reading could not use, for the
// doctor.
func rememberFields(r *run) error {
	found := r.counts.fields.problems()
	var was []FieldProblem
	if _, err := Recall(r.journal, fieldsEntry, &was); err != nil {
		return err
	}
	if slices.Equal(found, was) {
		return nil
	}
	return r.memory().Remember(fieldsEntry, found)
}

// FieldProblems returns the fields that the last complete reading could not use
// in most rows.
func FieldProblems(j History) ([]FieldProblem, error) {
	var found []FieldProblem
	_, err := Recall(j, fieldsEntry, &found)
	return found, err
}
