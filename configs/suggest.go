package configs

import "strings"

// unknown records a key that the mapping at path does not have, and suggests
// the one that was probably meant.
func (d *decoder) unknown(path, name string, fields []string) {
	key := join(path, printable(name))
	remedy := "remove it, or use a key of config.example.yaml"
	meant := suggest(name, fields)
	if meant != "" {
		remedy = "did you mean " + meant + "?"
	}
	d.add(key, "unknown key", remedy)
	if meant != "" {
		d.broken[join(path, meant)] = true // so that it is not reported as missing too
	}
}

// suggest returns the candidate closest to name: one that begins with name, or
// one that differs in at most a third of its letters, or "".
func suggest(name string, candidates []string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	best, least := "", len(name)/3+1
	for _, candidate := range candidates {
		if candidate == "" {
			continue
		}
		if strings.HasPrefix(candidate, name+"_") {
			return candidate
		}
		if n := distance(name, strings.ReplaceAll(candidate, "-", "_")); n < least {
			best, least = candidate, n
		}
	}
	return best
}

// distance returns the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
