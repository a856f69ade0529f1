// What github.com/vishvananda/netlink needs for the work of netlink-scale.bench.ts: one line of
// nanoseconds a repetition. Run inside the namespace: netlink_scale dumps|churn COUNT REPETITIONS
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	repetitions, _ := strconv.Atoi(os.Args[3])
	for ; repetitions > 0; repetitions-- {
		start := time.Now()
		if os.Args[1] == "dumps" {
			var tasks sync.WaitGroup
			for t := 0; t < 16; t++ {
				tasks.Add(1)
				go func() {
					defer tasks.Done()
					handle, err := netlink.NewHandle()
					check(err)
					defer handle.Delete()
					for i := 0; i < count/16; i++ {
						_, err := handle.LinkList()
						check(err)
					}
				}()
			}
			tasks.Wait()
		} else {
			handle, err := netlink.NewHandle()
			check(err)
			route := func(i int) *netlink.Route {
				ip := 0x0a000000 + i*16
				to := net.IPv4(10, byte(ip>>16), byte(ip>>8), byte(ip)).To4()
				return &netlink.Route{
					LinkIndex: 2, Dst: &net.IPNet{IP: to, Mask: net.CIDRMask(28, 32)},
					Gw: net.IPv4(192, 168, 0, 2), Priority: i % 7,
				}
			}
			for i := 0; i < count; i++ {
				check(handle.RouteAdd(route(i)))
			}
			for i := 0; i < count; i++ {
				check(handle.RouteDel(route(i)))
			}
			handle.Delete()
		}
		fmt.Println(time.Since(start).Nanoseconds())
	}
}
