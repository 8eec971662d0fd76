package ruleset

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// Access is the access class of an attribute.
type Access string

// The access classes: the points of Annex XIII of Regulation (EU) 2023/1542.
const (
	Public                         Access = "public"                         // point 1
	LegitimateInterestAndAuthority Access = "legitimateInterestAndAuthority" // point 2
	Authority                      Access = "authority"                      // point 3
	LegitimateInterest             Access = "legitimateInterest"             // point 4
)

// Classes is a set of access classes.
type Classes uint8

// AllClasses are the classes that the owner of a passport may read.
const AllClasses Classes = 1<<4 - 1

func (a Access) class() Classes {
	switch a {
	case Public:
		return 1
	case LegitimateInterestAndAuthority:
		return 2
	case Authority:
		return 4
	case LegitimateInterest:
		return 8
	}
	return 0
}

// Has reports whether the set contains a class.
func (c Classes) Has(a Access) bool { return c&a.class() != 0 }

// Reader is a role of the access matrix.
type Reader string

// The readers other than the owner of the passport.
const (
	Anyone                 Reader = "public"
	WithLegitimateInterest Reader = "legitimateInterest"
	MarketSurveillance     Reader = "marketSurveillance" // same access as a notified body and the Commission
)

//go:embed access-matrix.json
var matrixFile []byte

var matrix = sync.OnceValue(func() map[Reader]Classes {
	var file struct {
		Roles map[Reader]struct {
			Reads []Access `json:"reads"`
		} `json:"roles"`
	}
	if err := json.Unmarshal(matrixFile, &file); err != nil {
		panic(fmt.Sprintf("embedded access matrix: %v", err)) // a test covers it
	}
	readers := map[Reader]Classes{}
	for reader, row := range file.Roles {
		for _, class := range row.Reads {
			readers[reader] |= class.class()
		}
	}
	return readers
})

// Classes returns the classes that a reader may read (Article 77(2)). They are not
// levels: an authority reads test reports, but not the condition of a battery.
func (r Reader) Classes() Classes { return matrix()[r] }
