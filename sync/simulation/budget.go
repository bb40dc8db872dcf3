package simulation

// CallBudget is how many calls a backfill may make: addresses and gifts go by the
// hundred, each matched contact's deals by the thousand, the deals themselves by
// the hundred.
func CallBudget(gifts, addresses, matched, deals int) int {
	return Batches(addresses, 100) + Batches(gifts, 100) + Batches(matched, 1000) + Batches(deals, 100)
}

// Batches is how many batches of a size n inputs take.
func Batches(n, size int) int { return (n + size - 1) / size }
