// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {Float32} from "../../libraries/Float32.sol";
import {Functions} from "../../libraries/Functions.sol";
contract G {
  function f(uint256 k, uint256 a, uint256 b) external view returns(uint256 r, uint256 g){
    uint256 s;
    if(k==1){ s=gasleft(); r=Float32.add(a,b); g=s-gasleft();}
    else if(k==3){ s=gasleft(); r=Float32.mul(a,b); g=s-gasleft();}
    else if(k==4){ s=gasleft(); r=Float32.div(a,b); g=s-gasleft();}
    else if(k==0x10){ s=gasleft(); r=Float32.sqrt(a); g=s-gasleft();}
    else { s=gasleft(); r=Functions.apply_(k,a,b,0); g=s-gasleft();}
  }
  function dot(bytes calldata a, bytes calldata b) external view returns(uint256 acc, uint256 g){ unchecked {
    uint256 n=a.length; uint256 s=gasleft();
    uint pa; uint pb;
    assembly{pa:=sub(a.offset,28) pb:=sub(b.offset,28)}
    for(uint256 i; i<n; i+=4){
      uint x; uint y;
      assembly{ x:=and(calldataload(add(pa,i)),0xffffffff) y:=and(calldataload(add(pb,i)),0xffffffff)}
      acc=Float32.add(acc,Float32.mul(x,y));
    }
    g=s-gasleft();
  }}
}
